using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using Microsoft.ML.Tokenizers;

namespace TransformerTorch.Text.MicrosoftML;

/// <summary>Our tokenizer behind Microsoft.ML.Tokenizers' class.</summary>
internal sealed class OutwardTokenizer(Tokenizer tokenizer, MicrosoftTokenizerOptions options) : Microsoft.ML.Tokenizers.Tokenizer
{
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var encoding = Encode(ref text, textSpan, settings);
        var places = Places(encoding);
        var count = FromStart(places, settings.MaxTokenCount);
        return new EncodeResults<EncodedToken>
        {
            Tokens = [.. Enumerable.Range(0, count).Select(i => new EncodedToken(encoding.Ids[i], encoding.Tokens[i], places[i]))],
            CharsConsumed = count == places.Length ? text.Length : EndBehind(places, count),
        };
    }

    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var encoding = Encode(ref text, textSpan, settings);
        if (encoding.Count <= settings.MaxTokenCount)
            return new EncodeResults<int> { Tokens = encoding.Ids, CharsConsumed = text.Length };
        var places = Places(encoding);
        var count = FromStart(places, settings.MaxTokenCount);
        return new EncodeResults<int> { Tokens = encoding.Ids[..count], CharsConsumed = EndBehind(places, count) };
    }

    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings) =>
        EncodeToIds(text, textSpan, settings).Tokens.Count;

    protected override int GetIndexByTokenCount(
        string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings, bool fromEnd, out string? normalizedText, out int tokenCount)
    {
        normalizedText = null;
        var places = Places(Encode(ref text, textSpan, settings));
        tokenCount = fromEnd ? FromEnd(places, settings.MaxTokenCount) : FromStart(places, settings.MaxTokenCount);
        if (tokenCount == places.Length)
            return fromEnd ? 0 : text.Length;
        if (fromEnd)
            return tokenCount == 0 ? text.Length : places[^tokenCount].Start.Value;
        return EndBehind(places, tokenCount);
    }

    public override string Decode(IEnumerable<int> ids) => tokenizer.Decode(ids, options.SkipSpecialTokens);

    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        (idsConsumed, charsWritten) = (0, 0);
        var (stream, done, pending) = (tokenizer.StreamDecoder(options.SkipSpecialTokens), 0, 0);
        foreach (var id in ids)
        {
            pending++;
            if (!Write(stream.Add(id), destination, ref charsWritten))
                return OperationStatus.DestinationTooSmall;
            done += pending;
            (idsConsumed, pending) = (done, 0);
        }
        return Write(stream.Finish(), destination, ref charsWritten) ? OperationStatus.Done : OperationStatus.DestinationTooSmall;
    }

    private static bool Write(string text, Span<char> destination, ref int written)
    {
        if (!text.TryCopyTo(destination[written..]))
            return false;
        written += text.Length;
        return true;
    }

    private Encoding Encode([NotNull] ref string? text, ReadOnlySpan<char> span, EncodeSettings settings)
    {
        if (!settings.ConsiderNormalization || !settings.ConsiderPreTokenization)
            throw new NotSupportedException("this tokenizer normalizes and pre-tokenizes always: leave both considered");
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(settings.MaxTokenCount);
        text ??= span.ToString();
        return tokenizer.Encode(text, options.AddSpecialTokens);
    }

    // A token that came from no text stands, empty, where the token before it ends.
    private static Range[] Places(Encoding encoding)
    {
        var (offsets, special, at) = (encoding.Offsets, encoding.SpecialTokensMask, 0);
        var places = new Range[offsets.Length];
        for (var i = 0; i < places.Length; i++)
        {
            places[i] = special[i] == 1 ? at..at : offsets[i].Start..offsets[i].End;
            at = places[i].End.Value;
        }
        return places;
    }

    private static int EndBehind(Range[] places, int count) => count == 0 ? 0 : places[count - 1].End.Value;

    /// <summary>The most first tokens within the limit that end where a character does.</summary>
    private static int FromStart(Range[] places, int limit)
    {
        var count = Math.Min(limit, places.Length);
        while (count > 0 && count < places.Length && CutsCharacter(places, count))
            count--;
        return count;
    }

    /// <summary>The most last tokens within the limit that begin where a character does.</summary>
    private static int FromEnd(Range[] places, int limit)
    {
        var count = Math.Min(limit, places.Length);
        while (count > 0 && count < places.Length && CutsCharacter(places, places.Length - count))
            count--;
        return count;
    }

    private static bool CutsCharacter(Range[] places, int at) => places[at].Start.Value < places[at - 1].End.Value;
}
