using TransformerTorch.Text.Pipeline;

namespace TransformerTorch.Text;

/// <summary>One token of an encoding.</summary>
internal struct Token
{
    public int Id;
    public int Start; // code points of the text that it came from
    public int End;
    public int Word; // or -1
    public int TypeId;
    public sbyte Sequence; // 0 the first text, 1 the second, -1 neither
    public bool IsSpecial;
    public bool IsPadding;
    public string? Value; // where it is not the vocabulary's
}

/// <summary>
/// A text as tokens. Everything but the ids is worked out when first asked for; not for use by several threads before that.
/// </summary>
public sealed class Encoding
{
    private readonly Tokenizer _tokenizer;
    private readonly Source[] _sources;
    private int[]? _ids;

    internal Encoding(Tokenizer tokenizer, Source[] sources, Token[] tokens)
    {
        (_tokenizer, _sources, Items) = (tokenizer, sources, tokens);
    }

    internal Token[] Items { get; }

    /// <summary>Tokens.</summary>
    public int Count => Items.Length;

    /// <summary>The ids; the array is the encoding's own.</summary>
    public int[] Ids => _ids ??= Array.ConvertAll(Items, token => token.Id);

    /// <summary>The tokens as the vocabulary spells them.</summary>
    public string[] Tokens => field ??= Array.ConvertAll(Items, token => token.Value ?? ModelToken(token.Id));

    /// <summary>Where each token stands in its text, or its word, in UTF-16 units as C# strings count: text[Start..End].</summary>
    public (int Start, int End)[] Offsets => field ??= Convert(static text => text.Utf16OfCodePoint());

    /// <summary>The same in Unicode code points, as the reference library counts in Python.</summary>
    public (int Start, int End)[] CodePointOffsets => field ??= Array.ConvertAll(Items, token => (token.Start, token.End));

    /// <summary>The same in bytes of UTF-8.</summary>
    public (int Start, int End)[] ByteOffsets => field ??= Convert(static text => text.ByteOfCodePoint());

    /// <summary>0 for the first text, 1 for the second, or as the post-processor says.</summary>
    public int[] TypeIds => field ??= Array.ConvertAll(Items, token => token.TypeId);

    /// <summary>1 for tokens that came from no text: the post-processor's and padding.</summary>
    public int[] SpecialTokensMask => field ??= Array.ConvertAll(Items, token => token.IsSpecial ? 1 : 0);

    /// <summary>0 for padding.</summary>
    public int[] AttentionMask => field ??= Array.ConvertAll(Items, token => token.IsPadding ? 0 : 1);

    /// <summary>The word, or else the pre-tokenizer's piece, that each token came from, counted within its text; null for none.</summary>
    public int?[] WordIds => field ??= Array.ConvertAll(Items, token => token.Word < 0 ? null : (int?)token.Word);

    /// <summary>0 for tokens of the first text, 1 for those of the second, null for the post-processor's and padding.</summary>
    public int?[] SequenceIds => field ??= Array.ConvertAll(Items, token => token.Sequence < 0 ? null : (int?)token.Sequence);

    /// <summary>What truncation cut off, as encodings of their own.</summary>
    public IReadOnlyList<Encoding> Overflowing { get; internal set; } = [];

    /// <summary>This encoding filled up to a length.</summary>
    internal Encoding Pad(int length, Padding padding)
    {
        var draft = new PostProcessors.Draft(Items);
        draft.Pad(length, padding);
        return new Encoding(_tokenizer, _sources, draft.Tokens)
        {
            Overflowing = [.. Overflowing.Select(part => part.Pad(length, padding))],
        };
    }

    // Not an added token that took the same id: those come with their value.
    private string ModelToken(int id) => _tokenizer.Model.Vocabulary.TryToken(id, out var text) ? Unicode.Utf8.Text(text) : "";

    private (int Start, int End)[] Convert(Func<string, int[]?> map)
    {
        var maps = new Dictionary<(int Sequence, int Part), int[]?>();
        return Array.ConvertAll(Items, token =>
        {
            var sequence = Math.Max((int)token.Sequence, 0);
            var part = _sources[sequence].Words is null ? 0 : token.Word;
            if (!maps.TryGetValue((sequence, part), out var units))
                maps.Add((sequence, part), units = part < 0 ? null : map(_sources[sequence].Part(part)));
            return units is null
                ? (token.Start, token.End)
                : (units[Math.Min(token.Start, units.Length - 1)], units[Math.Min(token.End, units.Length - 1)]);
        });
    }
}
