using System.Net;
using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using TransformerTorch.EndToEnd.Support;

namespace TransformerTorch.EndToEnd;

/// <summary>
/// <c>tt serve</c> as clients and proxies reach it. Truth: .NET's TLS client, which trusts one root alone, and ASP.NET's headers.
/// </summary>
public sealed class ServeTests
{
    [Theory]
    [InlineData("pem")]
    [InlineData("key")]
    [InlineData("pfx")]
    public async Task TLS_is_spoken_with_the_certificate_and_those_between_it_and_the_root(string form)
    {
        using var tt = new Tt();
        using var root = Certificate("CN=Root", issuer: null, authority: true);
        using var between = Certificate("CN=Between", root, authority: true);
        using var own = Certificate("CN=localhost", between, authority: false);
        var (chain, key) = ($"{own.ExportCertificatePem()}\n{between.ExportCertificatePem()}\n", own.GetECDsaPrivateKey()!);
        string[] options = ["--certificate", form == "pfx" ? "server.pfx" : "server.pem"];
        tt.Environment["TT_CERTIFICATE_PASSWORD"] = form == "pem" ? null : "secret";
        if (form == "pem") tt.Write("server.pem", chain + key.ExportPkcs8PrivateKeyPem());
        if (form == "key")
        {
            tt.Write("server.pem", chain);
            var encryption = new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000);
            options = [.. options, "--certificate-key", tt.Write("key.pem", key.ExportEncryptedPkcs8PrivateKeyPem("secret", encryption))];
        }
        if (form == "pfx")
            File.WriteAllBytes(tt.At("server.pfx"), new X509Certificate2Collection { own, between }.Export(X509ContentType.Pfx, "secret")!);

        using var server = Serve(tt, out var address, options);
        using var client = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { root },
                    RevocationMode = X509RevocationMode.NoCheck,
                },
            },
        });

        Assert.Equal("https", address.Scheme);
        var health = await client.GetStringAsync(new Uri($"https://localhost:{address.Port}/health"));
        Assert.Contains("healthy", health, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_are_those_that_are_allowed_and_a_known_proxy_may_say_which_was_asked_for()
    {
        using var tt = new Tt();
        using var server = Serve(tt, out var address, "--allow-host", "chat.example", "--proxy", "127.0.0.0/8");
        using var unknown = Serve(tt, out var other, "--proxy", "10.1.2.3");
        using var client = new HttpClient();

        Assert.Equal(HttpStatusCode.OK, await Status(address, null, null));
        Assert.Equal(HttpStatusCode.OK, await Status(address, "chat.example", null));
        Assert.Equal(HttpStatusCode.Forbidden, await Status(address, "evil.example", null));
        Assert.Equal(HttpStatusCode.OK, await Status(address, "inner", "chat.example"));
        Assert.Equal(HttpStatusCode.Forbidden, await Status(address, null, "evil.example"));
        Assert.Equal(HttpStatusCode.OK, await Status(other, null, "evil.example")); // not believed

        async Task<HttpStatusCode> Status(Uri at, string? host, string? forwarded)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(at, "/v1/models"));
            request.Headers.Host = host;
            if (forwarded is not null) request.Headers.Add("X-Forwarded-Host", forwarded);
            if (forwarded is not null) request.Headers.Add("X-Forwarded-For", "192.0.2.1");
            using var response = await client.SendAsync(request);
            return response.StatusCode;
        }
    }

    [Theory]
    [InlineData("--certificate nowhere.pem", "tt: --certificate: there is no file nowhere.pem")]
    [InlineData("--certificate-key key.pem", "tt: --certificate-key needs the --certificate that it belongs to")]
    [InlineData("--proxy everyone", "tt: --proxy everyone: expected an address, or a network such as 10.0.0.0/8")]
    [InlineData("--max-choices 0", "tt: --max-choices 0: expected 1 or more")]
    [InlineData("--max-body-bytes -1", "tt: --max-body-bytes -1: expected 1 or more")]
    [InlineData("--host everywhere", "tt: --host everywhere: expected an address, or localhost")]
    public void What_cannot_be_listened_with_is_wrong_usage(string arguments, string expected)
    {
        using var tt = new Tt();
        var outcome = tt.Run(["serve", "--model", Sentences(), .. arguments.Split(' ')]);
        Assert.Equal((2, expected), (outcome.ExitCode, outcome.Error.Trim()));
    }

    [Fact]
    public async Task What_a_request_may_ask_for_is_what_was_said()
    {
        using var tt = new Tt();
        using var server = Serve(tt, out var address, "--max-inputs", "2", "--max-body-bytes", "100");
        using var client = new HttpClient();

        Assert.Equal(HttpStatusCode.OK, await Embedding("""["a","b"]"""));
        Assert.Equal(HttpStatusCode.BadRequest, await Embedding("""["a","b","c"]"""));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, await Embedding($"\"{new string('a', 100)}\""));

        async Task<HttpStatusCode> Embedding(string input)
        {
            using var content = new StringContent($"{{\"input\":{input}}}", Encoding.UTF8, "application/json");
            using var response = await client.PostAsync(new Uri(address, "/v1/embeddings"), content);
            return response.StatusCode;
        }
    }

    [Fact]
    public void Two_models_of_one_name_are_refused_before_either_is_loaded()
    {
        using var tt = new Tt();
        foreach (var run in new[] { "a", "b" }) Directory.CreateDirectory(tt.At($"{run}/model")); // as training leaves them, but empty

        var outcome = tt.Run("serve", "--model", "a/model", "--model", "b/model");

        Assert.Equal((2, "tt: a/model and b/model have one name, 'model': give one another, as NAME=DIR"),
            (outcome.ExitCode, outcome.Error.Trim()));
        Assert.DoesNotContain("have one name", tt.Run("serve", "--model", "a/model", "--model", "b=b/model").Error,
            StringComparison.Ordinal);
    }

    private static Tt.Running Serve(Tt tt, out Uri address, params string[] options)
    {
        var server = tt.Start(["serve", "--model", Sentences(), "--port", "0", .. options]);
        address = new Uri(server.WaitFor(line => line.StartsWith("serving ", StringComparison.Ordinal)).Split(" at ")[1].Split(' ')[0]);
        return server;
    }

    private static X509Certificate2 Certificate(string name, X509Certificate2? issuer, bool authority)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(authority, false, 0, critical: true));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        if (!authority) request.CertificateExtensions.Add(names.Build());
        // The issuer's own span: a certificate may not outlive its issuer's, and a second may pass between the two.
        var now = DateTimeOffset.UtcNow;
        var (from, until) = (issuer?.NotBefore ?? now.AddHours(-1), issuer?.NotAfter ?? now.AddHours(1));
        if (issuer is null) return request.CreateSelfSigned(from, until);
        using var signed = request.Create(issuer, from, until, RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }

    private static string Sentences([CallerFilePath] string here = "")
        => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../fixtures/sentences"));
}
