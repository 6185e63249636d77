using System.Text.Json;

namespace TransformerTorch.Text.Models;

/// <summary>Cuts one piece of text into tokens of its vocabulary. Safe to share between threads; what it scribbles on is in the scratch.</summary>
internal abstract class Model
{
    public abstract Vocabulary Vocabulary { get; }

    /// <summary>Adds the tokens of <paramref name="piece"/> (UTF-8, not empty) to the scratch's sink, offsets counted from its start.</summary>
    public abstract void Tokenize(ReadOnlySpan<byte> piece, ModelScratch scratch);

    /// <summary>Entries of the vocabulary, as the reference counts them: ids go on from here.</summary>
    public virtual int Size => Vocabulary.Count;

    public abstract void Write(Utf8JsonWriter writer);
}

/// <summary>One thread's working memory for a model.</summary>
internal sealed class ModelScratch
{
    public TokenSink Sink { get; } = new();

    public WordCache Cache { get; } = new();

    public SymbolList Symbols { get; } = new();
}
