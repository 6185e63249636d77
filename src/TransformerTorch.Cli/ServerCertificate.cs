using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace TransformerTorch.Cli;

/// <summary>A server's certificate with its private key, and those between it and one that clients know.</summary>
internal sealed class ServerCertificate
{
    /// <summary>The environment's variable with a PFX file's or an encrypted key's password: a command line is for all to see.</summary>
    public const string PasswordVariable = "TT_CERTIFICATE_PASSWORD";
    private readonly X509Certificate2 _own;
    private readonly X509Certificate2Collection _chain;

    private ServerCertificate(X509Certificate2 own, X509Certificate2Collection chain) => (_own, _chain) = (own, chain);

    /// <summary>Reads PEM (RFC 7468: the server's own certificate first) or PFX (PKCS #12).</summary>
    /// <exception cref="UsageException">A file is missing or damaged, the password is wrong, or there is no private key.</exception>
    public static ServerCertificate Read(string file, string? keyFile)
    {
        foreach (var path in new[] { file, keyFile })
            if (path is not null && !File.Exists(path)) throw new UsageException($"--certificate: there is no file {path}");
        var password = Environment.GetEnvironmentVariable(PasswordVariable);
        try
        {
            return IsPem(file) ? Pem(file, keyFile ?? file, password) : Pfx(file, password);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new UsageException($"--certificate {file}: {e.Message.TrimEnd('.')}"
                + (password is null ? $" (a password would be taken from {PasswordVariable})" : ""));
        }
    }

    /// <summary>Has connections use it.</summary>
    public void Apply(HttpsConnectionAdapterOptions options)
        => (options.ServerCertificate, options.ServerCertificateChain) = (_own, _chain);

    private static bool IsPem(string file)
    {
        using var reader = new StreamReader(file);
        Span<char> beginning = stackalloc char[4096];
        return beginning[..reader.ReadBlock(beginning)].IndexOf("-----BEGIN") >= 0;
    }

    private static ServerCertificate Pem(string file, string keyFile, string? password)
    {
        var own = password is not null && File.ReadAllText(keyFile).Contains("-----BEGIN ENCRYPTED", StringComparison.Ordinal)
            ? X509Certificate2.CreateFromEncryptedPemFile(file, password, keyFile) : X509Certificate2.CreateFromPemFile(file, keyFile);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(file);
        // Windows' TLS takes no key that lives in memory alone.
        if (OperatingSystem.IsWindows()) own = X509CertificateLoader.LoadPkcs12(own.Export(X509ContentType.Pfx), null);
        return new ServerCertificate(own, chain);
    }

    private static ServerCertificate Pfx(string file, string? password)
    {
        var chain = X509CertificateLoader.LoadPkcs12CollectionFromFile(file, password);
        var own = chain.FirstOrDefault(c => c.HasPrivateKey) ?? throw new CryptographicException("it holds no private key");
        return new ServerCertificate(own, chain);
    }
}
