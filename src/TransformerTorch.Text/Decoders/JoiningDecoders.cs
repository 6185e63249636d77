using System.Text.Json;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Decoders;

/// <summary>Makes one token of all.</summary>
internal sealed class FuseDecoder : Decoder
{
    public override List<string> Decode(List<string> tokens) => [string.Concat(tokens)];

    public override DecoderStream OpenStream() => new Stream();

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "Fuse");
        writer.WriteEndObject();
    }

    private sealed class Stream : DecoderStream
    {
        private bool _started;

        public override void Push(Chunk chunk, List<Chunk> output)
        {
            output.Add(new Chunk(chunk.Text, !_started, IsEnd: false));
            _started = true;
        }

        public override void Finish(List<Chunk> output) => output.Add(new Chunk("", !_started, IsEnd: true));
    }
}

/// <summary>
/// Tokens &lt;0x00&gt; to &lt;0xFF&gt; beside each other become the text of their bytes, or a replacement character each.
/// </summary>
internal sealed class ByteFallbackDecoder : Decoder
{
    public override List<string> Decode(List<string> tokens)
    {
        var stream = new Stream();
        var output = new List<Chunk>();
        foreach (var token in tokens)
            stream.Push(Chunk.Token(token), output);
        stream.Finish(output);
        return output.ConvertAll(chunk => chunk.Text);
    }

    public override DecoderStream OpenStream() => new Stream();

    private static int Byte(string token)
    {
        if (token.Length != 6 || !token.StartsWith("<0x", StringComparison.Ordinal) || token[5] != '>' || !char.IsAsciiHexDigit(token[4]))
            return -1;
        // The reference reads the digits as Rust reads numbers: a plus is a sign.
        return char.IsAsciiHexDigit(token[3]) ? Convert.ToInt32(token[3..5], 16) : token[3] == '+' ? Convert.ToInt32(token[4..5], 16) : -1;
    }

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "ByteFallback");
        writer.WriteEndObject();
    }

    // One broken byte spoils all bytes beside it, so that they wait for the next other token.
    private sealed class Stream : TokenStream
    {
        private readonly List<byte> _bytes = [];

        protected override void Push(string token, List<Chunk> output)
        {
            var value = Byte(token);
            if (value >= 0)
            {
                _bytes.Add((byte)value);
                return;
            }
            Finish(output);
            output.Add(Chunk.Token(token));
        }

        public override void Finish(List<Chunk> output)
        {
            var bytes = _bytes.ToArray();
            _bytes.Clear();
            if (bytes.Length == 0)
                return;
            if (System.Text.Unicode.Utf8.IsValid(bytes))
                output.Add(Chunk.Token(Utf8.Text(bytes)));
            else
                output.AddRange(Enumerable.Repeat(Chunk.Token("\uFFFD"), bytes.Length));
        }
    }
}

/// <summary>The mark of a word's end becomes a space, and vanishes from the last token.</summary>
internal sealed class BytePairDecoder(string suffix) : Decoder
{
    public override List<string> Decode(List<string> tokens) =>
        [.. tokens.Select((token, i) => Replace(token, i == tokens.Count - 1 ? "" : " "))];

    private string Replace(string token, string with)
    {
        if (suffix.Length > 0)
            return token.Replace(suffix, with, StringComparison.Ordinal);
        return with + string.Concat(token.EnumerateRunes().Select(rune => rune + with)); // an empty mark stands everywhere
    }

    public override DecoderStream OpenStream() => new Stream(this);

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "BPEDecoder");
        writer.WriteString("suffix", suffix);
        writer.WriteEndObject();
    }

    private sealed class Stream(BytePairDecoder decoder) : TokenStream
    {
        private string? _held;

        protected override void Push(string token, List<Chunk> output)
        {
            if (_held is not null)
                output.Add(Chunk.Token(decoder.Replace(_held, " ")));
            _held = token;
        }

        public override void Finish(List<Chunk> output)
        {
            if (_held is not null)
                output.Add(Chunk.Token(decoder.Replace(_held, "")));
        }
    }
}

/// <summary>Connectionist temporal classification: repeated tokens count once, padding not at all.</summary>
internal sealed class CtcDecoder(string padToken, string wordDelimiter, bool cleanup) : Decoder
{
    public override List<string> Decode(List<string> tokens)
    {
        var stream = new Stream(this);
        var output = new List<Chunk>();
        foreach (var token in tokens)
            stream.Push(Chunk.Token(token), output);
        return output.ConvertAll(chunk => chunk.Text);
    }

    public override DecoderStream OpenStream() => new Stream(this);

    private string Decode(string token)
    {
        var text = padToken.Length > 0 ? token.Replace(padToken, "", StringComparison.Ordinal) : token;
        if (!cleanup)
            return text;
        text = WordPieceDecoder.CleanUp(text);
        return wordDelimiter.Length > 0 ? text.Replace(wordDelimiter, " ", StringComparison.Ordinal) : text;
    }

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "CTC");
        writer.WriteString("pad_token", padToken);
        writer.WriteString("word_delimiter_token", wordDelimiter);
        writer.WriteBoolean("cleanup", cleanup);
        writer.WriteEndObject();
    }

    private sealed class Stream(CtcDecoder decoder) : TokenStream
    {
        private string? _last;

        protected override void Push(string token, List<Chunk> output)
        {
            if (token == _last)
                return;
            _last = token;
            if (decoder.Decode(token) is { Length: > 0 } text)
                output.Add(Chunk.Token(text));
        }
    }
}
