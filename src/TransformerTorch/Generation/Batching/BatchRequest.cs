namespace TransformerTorch.Generation.Batching;

/// <summary>A text to continue.</summary>
public sealed record BatchRequest
{
    /// <summary>The ids to continue, at least one.</summary>
    public required IReadOnlyList<int> Prompt { get; init; }

    /// <summary>How; beams and several texts are not for here.</summary>
    public GenerationOptions Options { get; init; } = new();

    /// <summary>
    /// What may follow, beyond the options; null: anything. It belongs to this request alone, and comes first: options that leave nothing
    /// of what it allows are passed over for that token; stop texts, which would cut what it asks for, are not heeded.
    /// </summary>
    public ITokenConstraint? Constraint { get; init; }

    /// <summary>How many of the likeliest tokens are told beside each; null: no probabilities are told.</summary>
    public int? LogProbabilities { get; init; }
}

/// <summary>Says step by step which tokens may follow.</summary>
public interface ITokenConstraint
{
    /// <summary>Gives all tokens that may not follow negative infinity; asked again for the same place, it says the same.</summary>
    /// <param name="scores">by token</param>
    /// <param name="endTokens">which end the text</param>
    /// <param name="left">tokens that may still come, this one included</param>
    void Apply(Span<float> scores, IReadOnlyList<int> endTokens, int left);

    /// <summary>A token was chosen that does not end the text; true where nothing may follow it.</summary>
    bool Accept(int token);
}

/// <summary>A token as it comes.</summary>
/// <param name="Id">the token</param>
/// <param name="Finish">set on the last</param>
/// <param name="LogProbability">where probabilities are told</param>
/// <param name="Likeliest">where probabilities are told, the likeliest first</param>
public readonly record struct GeneratedToken(
    int Id, FinishReason? Finish, float? LogProbability, IReadOnlyList<TokenProbability> Likeliest)
{
    /// <summary>Tokens of its prompt that were not read, because they were held already.</summary>
    public int HeldTokens { get; init; }
}

/// <summary>Where the engine puts a request's tokens, on its own thread: it must not block.</summary>
internal interface ITokenSink
{
    /// <summary>Takes a token; true ends the text with it.</summary>
    bool Accept(GeneratedToken token);

    /// <summary>Nothing more comes: the text is whole, or failed.</summary>
    void Complete(Exception? error);
}
