using TransformerTorch.Text;

namespace TransformerTorch.Data;

/// <summary>Tokens with the segment (token type) of each.</summary>
public sealed record FramedText(int[] Ids, int[] Types);

/// <summary>
/// What a tokenizer puts around one text and around two, as ids: learnt by asking it once, so that ids that are cut, masked or drawn can
/// be framed without text.
/// </summary>
public sealed class Framing
{
    private readonly FramedText[] _single; // before, after
    private readonly FramedText[] _pair;   // before, between, after
    private readonly (int Single, int First, int Second) _types;

    /// <summary>Asks a tokenizer.</summary>
    public Framing(Tokenizer tokenizer)
    {
        (_single, var types) = Parts(tokenizer.Encode("a"));
        (_pair, var both) = Parts(tokenizer.Encode("a", "a"));
        _types = (types[0], both[0], both[1]);
    }

    /// <summary>A frame of nothing.</summary>
    public Framing() => (_single, _pair) = ([new([], []), new([], [])], [new([], []), new([], []), new([], [])]);

    /// <summary>Tokens around one text.</summary>
    public int SingleTokens => _single.Sum(part => part.Ids.Length);

    /// <summary>Tokens around and between two.</summary>
    public int PairTokens => _pair.Sum(part => part.Ids.Length);

    /// <summary>Tokens before the first text.</summary>
    public int Before(bool pair) => (pair ? _pair : _single)[0].Ids.Length;

    /// <summary>Tokens between the two.</summary>
    public int Between => _pair[1].Ids.Length;

    /// <summary>Whether the second text of two is of another type.</summary>
    public bool HasTypes => _types.First != _types.Second;

    /// <summary>One text framed.</summary>
    public FramedText One(ReadOnlySpan<int> ids) => Join(_single, (ids.ToArray(), _types.Single));

    /// <summary>Two texts framed.</summary>
    public FramedText Pair(ReadOnlySpan<int> first, ReadOnlySpan<int> second)
        => Join(_pair, (first.ToArray(), _types.First), (second.ToArray(), _types.Second));

    private static FramedText Join(FramedText[] frame, params ReadOnlySpan<(int[] Ids, int Type)> texts)
    {
        var (ids, types) = (new List<int>(frame[0].Ids), new List<int>(frame[0].Types));
        for (var i = 0; i < texts.Length; i++)
        {
            ids.AddRange(texts[i].Ids);
            types.AddRange(Enumerable.Repeat(texts[i].Type, texts[i].Ids.Length));
            ids.AddRange(frame[i + 1].Ids);
            types.AddRange(frame[i + 1].Types);
        }
        return new([.. ids], [.. types]);
    }

    // Runs of special tokens between the texts' own.
    private static (FramedText[] Parts, int[] Types) Parts(Encoding encoding)
    {
        var parts = new List<(List<int> Ids, List<int> Types)> { ([], []) };
        var types = new List<int>();
        for (var i = 0; i < encoding.Count; i++)
        {
            if (encoding.SequenceIds[i] is { } sequence)
            {
                if (parts.Count == sequence + 2) continue;
                parts.Add(([], []));
                types.Add(encoding.TypeIds[i]);
            }
            else
            {
                parts[^1].Ids.Add(encoding.Ids[i]);
                parts[^1].Types.Add(encoding.TypeIds[i]);
            }
        }
        return ([.. parts.Select(p => new FramedText([.. p.Ids], [.. p.Types]))], [.. types]);
    }
}
