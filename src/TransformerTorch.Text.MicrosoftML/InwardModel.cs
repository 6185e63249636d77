using TransformerTorch.Text.Models;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.MicrosoftML;

/// <summary>A Microsoft.ML.Tokenizers tokenizer in a model's place.</summary>
internal sealed class InwardModel : ForeignModel
{
    private readonly Microsoft.ML.Tokenizers.Tokenizer _other;
    private readonly OtherFacts _facts;

    public InwardModel(Microsoft.ML.Tokenizers.Tokenizer other, OtherFacts facts, int size)
    {
        (_other, _facts, Size) = (other, facts, size);
        foreach (var (token, id) in facts.Vocabulary.OrderBy(entry => entry.Value))
            Vocabulary.Add(token, id);
        Vocabulary.IndexIds();
    }

    public override Vocabulary Vocabulary { get; } = new();

    public override int Size { get; }

    public override bool IsSpecial(int id) => _facts.SpecialIds.Contains(id);

    public override string Decode(IEnumerable<int> ids) => _other.Decode(ids) ?? "";

    public override void Tokenize(ReadOnlySpan<byte> piece, ModelScratch scratch)
    {
        var text = Utf8.Text(piece);
        var tokens = _facts.Encode(text, out var normalized);
        var bytes = normalized is null || normalized == text ? ByteOfCharacter(text) : null;
        foreach (var token in tokens)
        {
            var (start, end) = (0, piece.Length);
            if (bytes is not null)
                (start, end) = (bytes[token.Offset.Start.GetOffset(text.Length)], bytes[token.Offset.End.GetOffset(text.Length)]);
            scratch.Sink.Values[scratch.Sink.Count] = token.Value;
            scratch.Sink.Add(token.Id, start, end);
        }
    }

    private static int[] ByteOfCharacter(string text)
    {
        var (bytes, at) = (new int[text.Length + 1], 0);
        for (var i = 0; i < text.Length; i++)
        {
            bytes[i] = at;
            // Of two surrogates the first takes all four bytes.
            at += text[i] < 0x80 ? 1 : text[i] < 0x800 ? 2 : char.IsHighSurrogate(text[i]) ? 4 : char.IsLowSurrogate(text[i]) ? 0 : 3;
        }
        bytes[text.Length] = at;
        return bytes;
    }
}
