using System.Text.Json;
using TransformerTorch.Text.Patterns;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.PreTokenizers;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Decoders;

/// <summary>A decoder that changes each token by itself.</summary>
internal abstract class TokenDecoder : Decoder
{
    public override List<string> Decode(List<string> tokens) => [.. tokens.Select((token, i) => Decode(token, i == 0))];

    public override DecoderStream OpenStream() => new MapStream(Decode);

    protected abstract string Decode(string token, bool isFirst);
}

/// <summary>
/// Words get a space before them, later pieces of a word lose their prefix; then English punctuation is pulled to its word.
/// </summary>
internal sealed class WordPieceDecoder(string prefix, bool cleanup) : TokenDecoder
{
    private static readonly (string From, string To)[] _cleanups =
    [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" do not", " don't"),
        (" 's", "'s"),
        (" 've", "'ve"), (" 're", "'re"),
    ];

    protected override string Decode(string token, bool isFirst)
    {
        if (!isFirst)
            token = token.StartsWith(prefix, StringComparison.Ordinal) ? token[prefix.Length..] : " " + token;
        return cleanup ? CleanUp(token) : token;
    }

    public static string CleanUp(string text) =>
        _cleanups.Aggregate(text, (current, cleanup) => current.Replace(cleanup.From, cleanup.To, StringComparison.Ordinal));

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "WordPiece");
        writer.WriteString("prefix", prefix);
        writer.WriteBoolean("cleanup", cleanup);
        writer.WriteEndObject();
    }
}

/// <summary>SentencePiece's visible space becomes a space again, and vanishes from the first token.</summary>
internal sealed class MetaspaceDecoder(string replacement, PrependScheme scheme, bool split) : TokenDecoder
{
    protected override string Decode(string token, bool isFirst) =>
        token.Replace(replacement, isFirst && scheme != PrependScheme.Never ? "" : " ", StringComparison.Ordinal);

    public override void Write(Utf8JsonWriter writer) => MetaspacePreTokenizer.Write(writer, replacement, scheme, split);
}

/// <summary>Replaces each match of a pattern.</summary>
internal sealed class ReplaceDecoder(PatternSource pattern, string content) : TokenDecoder
{
    private readonly Pattern _pattern = pattern.Compile();

    protected override string Decode(string token, bool isFirst)
    {
        var text = Utf8.Bytes(token);
        var matches = new Matches(_pattern);
        var result = new System.Text.StringBuilder();
        var done = 0;
        // The reference finds nothing in an empty token, not even an empty match.
        while (text.Length > 0 && matches.Next(text, out var start, out var end))
        {
            result.Append(Utf8.Text(text.AsSpan(done, start - done))).Append(content);
            done = end;
        }
        return result.Append(Utf8.Text(text.AsSpan(done))).ToString();
    }

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "Replace");
        pattern.Write(writer);
        writer.WriteString("content", content);
        writer.WriteEndObject();
    }
}

/// <summary>Takes a character away at the ends of each token, so many times at most.</summary>
internal sealed class StripDecoder(string content, int start, int stop) : TokenDecoder
{
    protected override string Decode(string token, bool isFirst)
    {
        var (first, last) = (0, token.Length);
        for (var i = 0; i < start && string.CompareOrdinal(token, first, content, 0, content.Length) == 0; i++)
            first += content.Length;
        for (var i = 0; i < stop && token.AsSpan(first, last - first).EndsWith(content, StringComparison.Ordinal); i++)
            last -= content.Length;
        return token[first..last];
    }

    // At the start alone it need not wait for the token's end.
    public override DecoderStream OpenStream() => stop > 0 ? base.OpenStream() : new Stream(content, start);

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "Strip");
        writer.WriteString("content", content);
        writer.WriteNumber("start", start);
        writer.WriteNumber("stop", stop);
        writer.WriteEndObject();
    }

    private sealed class Stream(string content, int count) : DecoderStream
    {
        private int _left;

        public override void Push(Chunk chunk, List<Chunk> output)
        {
            if (chunk.IsStart)
                _left = count;
            var text = chunk.Text;
            while (_left > 0 && text.Length > 0)
            {
                var found = text.StartsWith(content, StringComparison.Ordinal);
                text = found ? text[content.Length..] : text;
                _left = found ? _left - 1 : 0;
            }
            output.Add(chunk with { Text = text });
        }
    }
}
