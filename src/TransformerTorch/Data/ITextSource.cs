namespace TransformerTorch.Data;

/// <summary>One text to learn from. Documents with the same key fall into the same split.</summary>
/// <param name="Text">The text, without any end mark.</param>
/// <param name="Key">What decides the split; the text itself where it is null.</param>
public readonly record struct Document(string Text, string? Key = null);

/// <summary>Where text comes from. Reading it twice gives the same documents in the same order.</summary>
public interface ITextSource
{
    /// <summary>What the documents depend on (files, sizes, times, options): it changes
    /// when they may have changed. Quick to compute.</summary>
    string Identity { get; }

    /// <summary>The documents, in a fixed order.</summary>
    IEnumerable<Document> Read();
}

/// <summary>Input that is missing or malformed; the message names it and says what to do.</summary>
public sealed class DataException(string message, Exception? inner = null) : Exception(message, inner);
