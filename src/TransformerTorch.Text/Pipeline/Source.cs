namespace TransformerTorch.Text.Pipeline;

/// <summary>What is encoded: a text, or the words that it was cut into before.</summary>
internal readonly struct Source
{
    private readonly string? _text;

    public Source(string text) => _text = text;

    public Source(IReadOnlyList<string> words) => Words = words;

    /// <summary>The words; null: a text as it is.</summary>
    public IReadOnlyList<string>? Words { get; }

    /// <summary>The text that offsets count in: a word, or the whole of a text that is not cut.</summary>
    public string Part(int word) => _text ?? Words![word];

    public static Source? OrNull(string? text) => text is null ? null : new Source(text);

    public static Source? OrNull(IReadOnlyList<string>? words) => words is null ? null : new Source(words);
}
