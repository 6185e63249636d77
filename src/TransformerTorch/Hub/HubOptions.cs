namespace TransformerTorch.Hub;

/// <summary>
/// Where the hub is and where its files are kept. The environment's names, and the cache's folders, are those of the reference library
/// (huggingface_hub), so that both share their downloads.
/// </summary>
public sealed record HubOptions
{
    /// <summary>The hub (<c>HF_ENDPOINT</c>).</summary>
    public Uri Endpoint { get; init; } = new("https://huggingface.co");

    /// <summary>The downloads (<c>HF_HUB_CACHE</c>, else <c>hub</c> in <c>HF_HOME</c>, else in <c>~/.cache/huggingface</c>).</summary>
    public required string Cache { get; init; }

    /// <summary>Who asks (<c>HF_TOKEN</c>, else the file <c>HF_TOKEN_PATH</c>, else <c>token</c> in <c>HF_HOME</c>), or null.</summary>
    public string? Token { get; init; }

    /// <summary>Whether only what was downloaded before is used (<c>HF_HUB_OFFLINE</c>).</summary>
    public bool Offline { get; init; }

    /// <summary>How often something that fails for the moment is tried.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>The wait after the first failure; it doubles with each further one.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long the hub may be silent before the connection is given up.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>As the environment says.</summary>
    /// <param name="variable">reads a variable; none: the process's own</param>
    /// <exception cref="HubException"><c>HF_ENDPOINT</c> is no address.</exception>
    public static HubOptions FromEnvironment(Func<string, string?>? variable = null)
    {
        variable ??= Environment.GetEnvironmentVariable;
        var profile = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        var home = First("HF_HOME") ?? Path.Combine(First("XDG_CACHE_HOME") ?? Path.Combine(profile, ".cache"), "huggingface");
        var endpoint = (First("HF_ENDPOINT") ?? "https://huggingface.co").TrimEnd('/');
        return new HubOptions
        {
            Endpoint = Uri.TryCreate(endpoint, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
                ? uri
                : throw new HubException($"HF_ENDPOINT is '{endpoint}', expected an address such as https://huggingface.co"),
            Cache = First("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ?? Path.Combine(home, "hub"),
            Token = First("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") ?? Saved(First("HF_TOKEN_PATH") ?? Path.Combine(home, "token")),
            Offline = IsOn("HF_HUB_OFFLINE") || IsOn("TRANSFORMERS_OFFLINE"),
        };

        string? First(params string[] names) => names.Select(variable).FirstOrDefault(v => !string.IsNullOrWhiteSpace(v))?.Trim();
        bool IsOn(string name) => First(name)?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE";
    }

    private static string? Saved(string path)
        => File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } token ? token : null;
}
