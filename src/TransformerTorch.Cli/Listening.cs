using System.CommandLine;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using IPNetwork = System.Net.IPNetwork;

namespace TransformerTorch.Cli;

/// <summary>Where <c>tt serve</c> listens, under which names, with what certificate, and behind which proxies.</summary>
internal sealed class Listening
{
    private static readonly Option<string> s_host = new("--host")
    {
        Description = "The address to listen on; 0.0.0.0 lets other machines in", DefaultValueFactory = _ => "127.0.0.1",
    };
    private static readonly Option<int> s_port = new("--port") { Description = "0 takes a free one", DefaultValueFactory = _ => 8080 };
    private static readonly Option<string?> s_certificate = new("--certificate")
    {
        Description = $"Speak TLS with this certificate: PEM, or PFX whose password is in {ServerCertificate.PasswordVariable}",
        HelpName = "FILE",
    };
    private static readonly Option<string?> s_key = new("--certificate-key")
    {
        Description = "The certificate's private key as PEM [default: in the certificate's own file]", HelpName = "FILE",
    };
    private static readonly Option<string[]> s_names = new("--allow-host")
    {
        Description = "A host name that requests may be addressed to; may be repeated [default: those of loopback where it listens there, "
            + "else any]", HelpName = "NAME", DefaultValueFactory = _ => [],
    };
    private static readonly Option<string[]> s_proxies = new("--proxy")
    {
        Description = "An address or network (10.0.0.0/8) of proxies whose X-Forwarded headers are believed; may be repeated",
        HelpName = "ADDRESS", DefaultValueFactory = _ => [],
    };

    private readonly IPAddress _address;
    private readonly int _port;
    private readonly ServerCertificate? _certificate;
    private readonly IReadOnlyList<string> _names;
    private readonly IReadOnlyList<IPNetwork> _proxies;

    /// <exception cref="UsageException">An option cannot be followed.</exception>
    public Listening(ParseResult parsed)
    {
        var (host, certificate, key) = (parsed.GetRequiredValue(s_host), parsed.GetValue(s_certificate), parsed.GetValue(s_key));
        _address = host == "localhost" ? IPAddress.Loopback : IPAddress.TryParse(host, out var address) ? address
            : throw new UsageException($"--host {host}: expected an address, or localhost");
        _port = parsed.GetValue(s_port);
        if (_port is < 0 or > 65535) throw new UsageException($"--port {_port}: expected 0 to 65535");
        if (key is not null && certificate is null)
            throw new UsageException("--certificate-key needs the --certificate that it belongs to");
        _certificate = certificate is null ? null : ServerCertificate.Read(certificate, key);
        _names = parsed.GetValue(s_names)!;
        _proxies = [.. parsed.GetValue(s_proxies)!.Select(Network)];
    }

    /// <summary>The options that it reads.</summary>
    public static IReadOnlyList<Option> Options { get; } = [s_host, s_port, s_certificate, s_key, s_names, s_proxies];

    /// <summary>Whether only this machine reaches it.</summary>
    public bool IsLocal => IPAddress.IsLoopback(_address);

    /// <summary>
    /// Names that requests may be addressed to; none: any. A page of a stranger's must not reach loopback by a name of its own.
    /// </summary>
    public IReadOnlyList<string> Names
        => IsLocal ? ["localhost", "127.0.0.1", "[::1]", _address.ToString(), .. _names] : _names;

    public void Configure(KestrelServerOptions kestrel) => kestrel.Listen(_address, _port, endpoint =>
    {
        if (_certificate is not null) endpoint.UseHttps(_certificate.Apply);
    });

    /// <summary>Has requests look as their senders sent them, where known proxies handed them on. To come before all else.</summary>
    public void Use(WebApplication app)
    {
        if (_proxies.Count == 0) return;
        var options = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.All };
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var network in _proxies) options.KnownIPNetworks.Add(network);
        app.UseForwardedHeaders(options);
    }

    private static IPNetwork Network(string text)
        => IPNetwork.TryParse(text, out var network) ? network
            : IPAddress.TryParse(text, out var one) ? new IPNetwork(one, one.GetAddressBytes().Length * 8)
            : throw new UsageException($"--proxy {text}: expected an address, or a network such as 10.0.0.0/8");
}
