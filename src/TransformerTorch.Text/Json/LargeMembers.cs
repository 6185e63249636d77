using System.Text.Json;

namespace TransformerTorch.Text.Json;

/// <summary>
/// A tokenizer file in two: what is small, to be read as a document, and the model's vocabulary and merges, which are most of the file and
/// are read where they lie.
/// </summary>
internal sealed class LargeMembers
{
    private readonly ReadOnlyMemory<byte> _json;
    private readonly List<Range> _ranges = [];

    /// <exception cref="JsonException">The text is not JSON.</exception>
    public LargeMembers(ReadOnlyMemory<byte> json)
    {
        _json = json;
        var reader = new Utf8JsonReader(json.Span, new JsonReaderOptions { MaxDepth = 128 });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == 1)
        {
            var isModel = reader.ValueTextEquals("model"u8);
            reader.Read();
            if (isModel && reader.TokenType == JsonTokenType.StartObject)
                ReadModel(ref reader);
            else
                reader.Skip();
        }
        // What is left is read too: the whole text must be JSON.
        while (reader.Read())
        {
        }
    }

    public ReadOnlyMemory<byte> Vocabulary { get; private set; }

    public ReadOnlyMemory<byte> Merges { get; private set; }

    /// <summary>The file with null where the large members stand.</summary>
    public byte[] Rest()
    {
        var rest = new MemoryStream();
        var done = 0;
        foreach (var range in _ranges)
        {
            rest.Write(_json.Span[done..range.Start.Value]);
            rest.Write("null"u8);
            done = range.End.Value;
        }
        rest.Write(_json.Span[done..]);
        return rest.ToArray();
    }

    private void ReadModel(ref Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (isVocabulary, isMerges) = (reader.ValueTextEquals("vocab"u8), reader.ValueTextEquals("merges"u8));
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            var isLarge = (isVocabulary || isMerges) && (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray);
            reader.Skip();
            if (!isLarge)
                continue;
            var range = start..(int)reader.BytesConsumed;
            _ranges.Add(range);
            if (isVocabulary)
                Vocabulary = _json[range];
            else
                Merges = _json[range];
        }
    }
}
