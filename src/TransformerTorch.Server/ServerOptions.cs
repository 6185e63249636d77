namespace TransformerTorch.Server;

/// <summary>Who is let in, and how much each may ask for.</summary>
public sealed class ServerOptions
{
    /// <summary>Keys that open the API; none: it is open to whoever reaches it.</summary>
    public IReadOnlyList<string> ApiKeys { get; set; } = [];

    /// <summary>Bytes of a request's body.</summary>
    public long MaxBodyBytes { get; set; } = 4 << 20;

    /// <summary>New tokens that a request may ask for, whatever it says; 0: as many as the model's context holds.</summary>
    public int MaxOutputTokens { get; set; }

    /// <summary>Answers of one request (<c>n</c>).</summary>
    public int MaxChoices { get; set; } = 8;

    /// <summary>Texts of one request for embeddings.</summary>
    public int MaxInputs { get; set; } = 2048;

    /// <summary>How long a request may take.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Host names that requests may be addressed to; none: any. Set for loopback, so that no web page reaches it by a name of its own.
    /// </summary>
    public IReadOnlyList<string> Hosts { get; set; } = [];
}
