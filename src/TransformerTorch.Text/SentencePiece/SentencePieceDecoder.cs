using System.Buffers;
using System.Globalization;
using System.Text.Json;
using TransformerTorch.Text.Decoders;
using TransformerTorch.Text.Patterns;
using TransformerTorch.Text.Pipeline;
using Rune = System.Text.Rune;
using StringBuilder = System.Text.StringBuilder;

namespace TransformerTorch.Text.SentencePiece;

/// <summary>What a decoder needs to know of its model.</summary>
internal sealed record SentencePieceDecoderOptions
{
    /// <summary>The unknown piece, and what it decodes to.</summary>
    public required (string Piece, string Surface) Unknown { get; init; }

    /// <summary>Pieces that decode to nothing.</summary>
    public required IReadOnlySet<string> Silent { get; init; }

    public required bool ByteFallback { get; init; }

    /// <summary>The text's first space is the added one, or was removed.</summary>
    public required bool StripFirstSpace { get; init; }

    /// <summary>All spaces at the start are taken away.</summary>
    public required bool StripAllSpaces { get; init; }

    /// <summary>White space around the text is taken away.</summary>
    public bool TrimsText { get; init; }

    /// <summary>Rewrites the decoded text; null: it stays.</summary>
    public SentencePieceNormalizer? Denormalizer { get; init; }
}

/// <summary>sentencepiece's way back from pieces to text (google/sentencepiece, SentencePieceProcessor::Decode).</summary>
internal sealed class SentencePieceDecoder(SentencePieceDecoderOptions options) : Decoder
{
    private const int Many = 1 << 16;

    public override List<string> Decode(List<string> tokens)
    {
        var stream = OpenStream();
        var output = new List<Chunk>();
        foreach (var token in tokens)
            stream.Push(Chunk.Token(token), output);
        stream.Finish(output);
        return output.ConvertAll(chunk => chunk.Text);
    }

    public override DecoderStream OpenStream() => new Stream(options);

    /// <summary>Writes the components that decode alike, but for silent pieces, which skipped special tokens come to.</summary>
    public override void Write(Utf8JsonWriter writer)
    {
        List<Decoder> items = [new ReplaceDecoder(new PatternSource(SentencePieceNormalizer.VisibleSpace, IsRegex: false), " ")];
        if (options.Unknown.Surface != options.Unknown.Piece)
            items.Insert(0, new ReplaceDecoder(new PatternSource(options.Unknown.Piece, IsRegex: false), options.Unknown.Surface));
        if (options.ByteFallback)
            items.Add(new ByteFallbackDecoder());
        items.Add(new FuseDecoder());
        if (options.StripFirstSpace)
            items.Add(new StripDecoder(" ", 1, 0));
        if (options.TrimsText)
            items.Add(new StripDecoder(" ", Many, Many));
        new SequenceDecoder(items).Write(writer);
    }

    private sealed class Stream(SentencePieceDecoderOptions options) : TokenStream
    {
        private readonly List<byte> _bytes = [];
        private readonly StringBuilder _held = new();
        private bool _atStart = true;
        private bool _strippedSpace;
        private bool _isEmpty = true;
        private bool _hasText;
        private string _space = ""; // held back: it may be the text's end

        protected override void Push(string token, List<Chunk> output)
        {
            if (options.ByteFallback && token is ['<', '0', 'x', _, _, '>']
                && byte.TryParse(token.AsSpan(3, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var value))
            {
                _bytes.Add(value);
                EmitBytes(output, OperationStatus.NeedMoreData);
                return;
            }
            EmitBytes(output, OperationStatus.Done);
            if (_strippedSpace || !_isEmpty)
                _atStart = false;
            Emit(Text(token), output);
        }

        public override void Finish(List<Chunk> output)
        {
            EmitBytes(output, OperationStatus.Done);
            if (options.Denormalizer is null || _held.Length == 0)
                return;
            var state = new TextState();
            state.Start(_held.ToString());
            options.Denormalizer.Apply(state);
            _held.Clear();
            output.Add(Chunk.Token(Unicode.Utf8.Text(state.Text.Bytes)));
        }

        private string Text(string token)
        {
            _strippedSpace = false;
            if (options.Silent.Contains(token))
                return "";
            if (token == options.Unknown.Piece)
                return options.Unknown.Surface;
            if (_atStart && options.StripFirstSpace && token.StartsWith(SentencePieceNormalizer.VisibleSpace, StringComparison.Ordinal))
            {
                token = token[1..];
                _strippedSpace = !options.StripAllSpaces;
            }
            return token.Replace(SentencePieceNormalizer.VisibleSpace, " ", StringComparison.Ordinal);
        }

        // Each byte that begins no character is a replacement character by itself; a character cut short waits, unless the bytes end here.
        private void EmitBytes(List<Chunk> output, OperationStatus waitFor)
        {
            while (_bytes.Count > 0)
            {
                var status = Rune.DecodeFromUtf8(_bytes.ToArray(), out var rune, out var length);
                if (status == OperationStatus.NeedMoreData && waitFor == OperationStatus.NeedMoreData)
                    return;
                Emit(status == OperationStatus.Done ? rune.ToString() : "\uFFFD", output);
                _bytes.RemoveRange(0, status == OperationStatus.Done ? length : 1);
            }
        }

        private void Emit(string text, List<Chunk> output)
        {
            _isEmpty &= text.Length == 0;
            if (options.TrimsText)
                text = Trimmed(text);
            if (options.Denormalizer is not null)
                _held.Append(text);
            else if (text.Length > 0)
                output.Add(Chunk.Token(text));
        }

        private string Trimmed(string text)
        {
            var all = _hasText ? _space + text : text.TrimStart();
            var kept = all.TrimEnd();
            _space = all[kept.Length..];
            _hasText |= kept.Length > 0;
            return kept;
        }
    }
}
