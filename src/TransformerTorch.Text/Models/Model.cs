using System.Text.Json;

namespace TransformerTorch.Text.Models;

/// <summary>
/// Cuts one piece of text into tokens of its vocabulary. Safe to share between threads; what it scribbles on is in the scratch.
/// </summary>
internal abstract class Model
{
    public abstract Vocabulary Vocabulary { get; }

    /// <summary>
    /// Adds the tokens of <paramref name="piece"/> (UTF-8, not empty) to the scratch's sink, offsets counted from its start.
    /// </summary>
    public abstract void Tokenize(ReadOnlySpan<byte> piece, ModelScratch scratch);

    /// <summary>Entries of the vocabulary, as the reference counts them: ids go on from here.</summary>
    public virtual int Size => Vocabulary.Count;

    public abstract void Write(Utf8JsonWriter writer);

    protected void WriteVocabulary(Utf8JsonWriter writer)
    {
        writer.WriteStartObject("vocab");
        foreach (var (id, token) in Vocabulary.InOrder())
            writer.WriteNumber(token, id);
        writer.WriteEndObject();
    }
}

/// <summary>One thread's working memory for a model.</summary>
internal sealed class ModelScratch
{
    public TokenSink Sink { get; } = new();

    public WordCache Cache { get; } = new();

    public SymbolList Symbols { get; } = new();

    /// <summary>Pieces on the way back along the best path.</summary>
    public List<(int Id, int Start, int End)> Steps { get; } = [];

    private PathNode[] _path = new PathNode[256];

    public Span<PathNode> Path(int length)
    {
        if (_path.Length < length)
            _path = new PathNode[Math.Max(length, _path.Length * 2)];
        return _path.AsSpan(0, length);
    }
}
