using TransformerTorch.Text.Models;

namespace TransformerTorch.Text.Pipeline;

/// <summary>Collects the tokens of one text, with their places in the original.</summary>
internal ref struct TokenBuilder(TextState state, int[]? codePoints, sbyte sequence)
{
    private readonly AlignedText _text = state.Text;
    private Token[] _tokens = state.TokenBuffer;
    private int _count;

    public readonly int Count => _count;

    public void Add(in Piece piece, int word)
    {
        ref var token = ref Next();
        token = new Token { Id = piece.Id, Word = word, TypeId = sequence, Sequence = sequence, Value = piece.Value };
        SetOffsets(ref token, piece.OriginalStart, piece.OriginalEnd);
    }

    public void Add(in Piece piece, int word, TokenSink sink)
    {
        var length = piece.End - piece.Start;
        if (sink.Count > _tokens.Length - _count)
            Array.Resize(ref _tokens, Math.Max(_count + sink.Count, _count * 2));
        for (var i = 0; i < sink.Count; i++)
        {
            var (start, end) = (sink.Starts[i], sink.Ends[i]);
            ref var token = ref Next();
            token = new Token { Id = sink.Ids[i], Word = word, TypeId = sequence, Sequence = sequence };
            if (sink.Values.Count > 0)
                token.Value = sink.Values.GetValueOrDefault(i);
            if (start < end && end <= length)
                SetOffsets(ref token, _text.OriginalStart(piece.Start + start), _text.OriginalEnd(piece.Start + end - 1));
            else if (start == end)
                SetOffsets(ref token, piece.OriginalStart + start, piece.OriginalStart + end);
            else
                SetOffsets(ref token, start, end); // beyond the piece: left as it is, as the reference does
        }
    }

    /// <summary>The tokens; ends the building.</summary>
    public Token[] ToArray()
    {
        // A great many tokens are handed over without a copy.
        if (IsHuge)
            Array.Resize(ref _tokens, _count);
        var tokens = IsHuge ? _tokens : _tokens.AsSpan(0, _count).ToArray();
        HandBack();
        return tokens;
    }

    /// <summary>Their ids; ends the building.</summary>
    public int[] ToIds()
    {
        var ids = new int[_count];
        for (var i = 0; i < ids.Length; i++)
            ids[i] = _tokens[i].Id;
        HandBack();
        return ids;
    }

    private readonly bool IsHuge => _count > TextState.LargeText;

    // The next text begins with this one's memory, or a small one after a great many tokens.
    private readonly void HandBack() => state.TokenBuffer = IsHuge ? new Token[256] : _tokens;

    private ref Token Next()
    {
        if (_count == _tokens.Length)
            Array.Resize(ref _tokens, _count * 2);
        return ref _tokens[_count++];
    }

    private readonly void SetOffsets(ref Token token, int start, int end)
    {
        (token.Start, token.End) = (start, end);
        if (codePoints is null || start >= state.OriginalLength)
            return;
        token.Start = codePoints[start];
        if (end < state.OriginalLength)
            token.End = codePoints[end];
        else
            token.End = end == state.OriginalLength ? codePoints[end - 1] + 1 : token.Start + 2;
    }
}
