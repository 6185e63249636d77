using System.Collections.Concurrent;
using TransformerTorch.Text.Models;
using TransformerTorch.Text.PostProcessors;
using TransformerTorch.Text.PreTokenizers;

namespace TransformerTorch.Text.Pipeline;

/// <summary>Drives texts through a tokenizer's stages.</summary>
internal sealed class Encoder
{
    private readonly Tokenizer _tokenizer;
    private readonly ConcurrentBag<TextState> _states = [];
    private readonly PreTokenizer[] _preTokenizers;
    private readonly BytePairModel? _byteModel;

    public Encoder(Tokenizer tokenizer)
    {
        _tokenizer = tokenizer;
        _preTokenizers = tokenizer.PreTokenizer is null ? [] : [.. Flatten(tokenizer.PreTokenizer)];
        // Where the alphabet of bytes is the last step before byte pairs, both are one step on bytes.
        if (_preTokenizers is [.., ByteLevelPreTokenizer] && tokenizer.Model is BytePairModel { CoversBytes: true } model)
            _byteModel = model;
    }

    public Encoding Encode(Source text, Source? pair, bool addSpecialTokens)
    {
        Source[] sources = pair is null ? [text] : [text, pair.Value];
        var state = Rent();
        try
        {
            var drafts = new List<Draft>(sources.Length);
            for (sbyte sequence = 0; sequence < sources.Length; sequence++)
                drafts.Add(new Draft(Cut(state, sources[sequence], sequence)));
            return Finishing.Finish(_tokenizer, sources, drafts, addSpecialTokens);
        }
        finally
        {
            Return(state);
        }
    }

    /// <summary>The ids alone: where nothing is added to a text or cut off, nothing else is worked out.</summary>
    public int[] EncodeToIds(string text, bool addSpecialTokens)
    {
        var adds = addSpecialTokens && _tokenizer.PostProcessor?.AddedTokens(isPair: false) > 0;
        if (adds || _tokenizer.Truncation is not null || _tokenizer.Padding is not null)
            return Encode(new(text), pair: null, addSpecialTokens).Ids;
        var state = Rent();
        try
        {
            return Cut(state, text, sequence: 0).ToIds();
        }
        finally
        {
            Return(state);
        }
    }

    public Encoding[] EncodeBatch(int count, Func<int, (Source Text, Source? Pair)> input, bool addSpecialTokens)
    {
        var encodings = new Encoding[count];
        Parallel.For(0, count, i => encodings[i] = Encode(input(i).Text, input(i).Pair, addSpecialTokens));
        return Finishing.PadTogether(_tokenizer, encodings);
    }

    /// <summary>The text as the normalizer leaves it.</summary>
    public string Normalize(string text)
    {
        if (_tokenizer.Normalizer is null)
            return text;
        var state = new TextState();
        state.Start(text);
        _tokenizer.Normalizer.Apply(state);
        return string.Concat(state.Pieces.ToArray().Select(piece => Unicode.Utf8.Text(state.Text.Slice(piece.Start, piece.End))));
    }

    /// <summary>
    /// Calls <paramref name="use"/> with each piece that the model would see, in GPT-2's alphabet where the pipeline uses it.
    /// </summary>
    public void ForEachPiece(string text, PieceAction use)
    {
        var state = Rent();
        Prepare(state, text, leaveBytes: false);
        foreach (var piece in state.Pieces)
            use(state.Text.Slice(piece.Start, piece.End));
        _states.Add(state);
    }

    private static IEnumerable<PreTokenizer> Flatten(PreTokenizer preTokenizer) =>
        preTokenizer is SequencePreTokenizer sequence ? sequence.Items.SelectMany(Flatten) : [preTokenizer];

    public delegate void PieceAction(ReadOnlySpan<byte> piece);

    private TextState Rent() => _states.TryTake(out var state) ? state : new TextState();

    private void Return(TextState state)
    {
        if (state.OriginalLength < TextState.LargeText)
            _states.Add(state);
    }

    private void Prepare(TextState state, string text, bool leaveBytes)
    {
        state.Start(text);
        _tokenizer.Added.CutRaw(state);
        _tokenizer.Normalizer?.Apply(state);
        _tokenizer.Added.CutNormalized(state);
        for (var i = 0; i < _preTokenizers.Length; i++)
        {
            if (leaveBytes && i == _preTokenizers.Length - 1)
                ((ByteLevelPreTokenizer)_preTokenizers[i]).ApplyToBytes(state);
            else
                _preTokenizers[i].Apply(state);
        }
    }

    private Token[] Cut(TextState state, in Source source, sbyte sequence)
    {
        if (source.Words is not { } words)
            return Cut(state, source.Part(0), sequence).ToArray();
        var tokens = new List<Token>();
        for (var word = 0; word < words.Count; word++)
        {
            foreach (var token in Cut(state, words[word], sequence).ToArray())
                tokens.Add(token with { Word = word });
        }
        return [.. tokens];
    }

    private TokenBuilder Cut(TextState state, string text, sbyte sequence)
    {
        Prepare(state, text, leaveBytes: _byteModel is not null);
        var codePoints = state.OriginalLength == text.Length ? null : state.CodePointOfByte;
        var tokens = new TokenBuilder(state, codePoints, sequence);
        var scratch = state.Model;
        var (first, limit) = Limits(state, sequence);
        var pieces = state.Pieces[first..];
        for (var word = 0; word < pieces.Length; word++)
        {
            var piece = pieces[word];
            if (piece.IsToken)
            {
                tokens.Add(piece, word);
                continue;
            }
            Tokenize(state, piece);
            tokens.Add(piece, word, scratch.Sink);
            if (tokens.Count >= limit)
                break;
        }
        return tokens;
    }

    /// <summary>
    /// The first piece that truncation needs, and the tokens behind which it needs no more piece: what lies beyond is not cut at all, nor
    /// does it overflow, unless that is asked for.
    /// </summary>
    private (int First, int Limit) Limits(TextState state, int sequence)
    {
        if (_tokenizer.Truncation is not { ReadsAll: false } truncation
            || (truncation.Strategy == TruncationStrategy.OnlySecond && sequence == 0))
            return (0, int.MaxValue);
        if (truncation.Side == Side.Right)
            return (0, truncation.MaxLength);
        var (count, first) = (0, state.Pieces.Length);
        while (first > 0)
        {
            var piece = state.Pieces[--first];
            if (piece.IsToken)
            {
                count++;
                continue;
            }
            Tokenize(state, piece);
            count += state.Model.Sink.Count;
            if (count >= truncation.MaxLength)
                break;
        }
        return (first, int.MaxValue);
    }

    private void Tokenize(TextState state, in Piece piece)
    {
        state.Model.Sink.Clear();
        var bytes = state.Text.Slice(piece.Start, piece.End);
        if (_byteModel is not null)
            _byteModel.TokenizeBytes(bytes, state.Model);
        else
            _tokenizer.Model.Tokenize(bytes, state.Model);
    }
}
