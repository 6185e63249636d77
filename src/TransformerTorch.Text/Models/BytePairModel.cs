using System.Text.Json;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Models;

/// <summary>What a byte-pair model does beside its vocabulary and merges; the names are tokenizer.json's.</summary>
internal sealed record BytePairOptions
{
    public float? Dropout { get; init; }

    public string? UnknownToken { get; init; }

    public string? ContinuingSubwordPrefix { get; init; }

    public string? EndOfWordSuffix { get; init; }

    /// <summary>Unknown characters beside each other become one unknown token.</summary>
    public bool FuseUnknown { get; init; }

    /// <summary>An unknown character becomes its bytes' tokens, &lt;0x00&gt; to &lt;0xFF&gt;, where the vocabulary has them.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>A piece that is in the vocabulary is that token, whatever the merges say.</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>Texts that are one symbol from the start, which merges must not name; tokenizer.json has no word for them.</summary>
    public ByteTrie? WholeSymbols { get; init; }
}

/// <summary>
/// Byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909): characters, merged pair by pair in the order of the ranks.
/// </summary>
internal sealed class BytePairModel : Model
{
    private readonly MergeTable _merges;
    private readonly BytePairOptions _options;
    private readonly int _unknownId;
    private readonly int[] _byteTokens = new int[256];
    private readonly int[]? _byteIds;
    private readonly Vocabulary? _byteVocabulary;

    public BytePairModel(Vocabulary vocabulary, MergeTable merges, BytePairOptions options)
    {
        Vocabulary = vocabulary;
        _merges = merges;
        _options = options;
        _unknownId = options.UnknownToken is null ? -1 : vocabulary.Id(options.UnknownToken);
        for (var value = 0; value < 256; value++)
            _byteTokens[value] = vocabulary.Id($"<0x{value:X2}>");
        vocabulary.IndexIds();
        _byteIds = ByteIds();
        if (_byteIds is not null && options.IgnoreMerges)
            _byteVocabulary = TranslatedVocabulary();
    }

    public string? ContinuationMark => _options.ContinuingSubwordPrefix is { Length: > 0 } prefix ? prefix : null;

    public override Vocabulary Vocabulary { get; }

    public BytePairOptions Options => _options;

    public MergeTable Merges => _merges;

    /// <summary>Whether <see cref="TokenizeBytes"/> may be called: every byte of GPT-2's alphabet is a token by itself.</summary>
    public bool CoversBytes => _byteIds is not null;

    public override void Tokenize(ReadOnlySpan<byte> piece, ModelScratch scratch)
    {
        if (_options.IgnoreMerges && Vocabulary.Id(piece) is >= 0 and var whole)
        {
            scratch.Sink.Add(whole, 0, piece.Length);
            return;
        }
        if (_options.Dropout is > 0)
        {
            FillSymbols(piece, scratch.Symbols);
            scratch.Symbols.Merge(_merges, _options.Dropout.Value, random: null);
            scratch.Symbols.CopyTo(scratch.Sink);
            return;
        }
        if (scratch.Cache.TryGet(piece, scratch.Sink))
            return;
        var from = scratch.Sink.Count;
        FillSymbols(piece, scratch.Symbols);
        scratch.Symbols.Merge(_merges, dropout: 0, random: null);
        scratch.Symbols.CopyTo(scratch.Sink);
        scratch.Cache.Add(piece, scratch.Sink, from);
    }

    /// <summary>
    /// The same for bytes as they are, when the pipeline would only have put them into GPT-2's alphabet: offsets count those bytes.
    /// </summary>
    public void TokenizeBytes(ReadOnlySpan<byte> piece, ModelScratch scratch)
    {
        if (_byteVocabulary is not null && _byteVocabulary.Id(piece) is >= 0 and var whole)
        {
            scratch.Sink.Add(whole, 0, piece.Length);
            return;
        }
        if (scratch.Cache.TryGet(piece, scratch.Sink))
            return;
        var from = scratch.Sink.Count;
        scratch.Symbols.Clear();
        foreach (var value in piece)
            scratch.Symbols.Add(_byteIds![value], length: 1);
        scratch.Symbols.Merge(_merges, dropout: 0, random: null);
        scratch.Symbols.CopyTo(scratch.Sink);
        scratch.Cache.Add(piece, scratch.Sink, from);
    }

    private void FillSymbols(ReadOnlySpan<byte> piece, SymbolList symbols)
    {
        symbols.Clear();
        var unknown = 0; // bytes of unknown characters not yet added
        var (prefix, suffix) = (_options.ContinuingSubwordPrefix, _options.EndOfWordSuffix);
        for (var at = 0; at < piece.Length;)
        {
            if (_options.WholeSymbols?.Longest(piece[at..]) is (> 0 and var whole, var wholeId))
            {
                if (unknown > 0)
                    symbols.Add(_unknownId, unknown);
                unknown = 0;
                symbols.Add(wholeId, whole);
                at += whole;
                continue;
            }
            var length = Utf8.LengthFromFirst(piece[at]);
            var symbol = piece.Slice(at, length);
            if ((prefix is not null && at > 0) || (suffix is not null && at + length == piece.Length))
                symbol = Utf8.Bytes((at > 0 ? prefix : null) + Utf8.Text(symbol) + (at + length == piece.Length ? suffix : null));
            at += length;
            if (Vocabulary.Id(symbol) is >= 0 and var id)
            {
                if (unknown > 0)
                    symbols.Add(_unknownId, unknown);
                unknown = 0;
                symbols.Add(id, length);
            }
            else if (!_options.ByteFallback || !AddBytes(symbol, symbols))
            {
                unknown = AddUnknown(symbols, unknown, length);
            }
        }
        if (unknown > 0)
            symbols.Add(_unknownId, unknown);
    }

    private int AddUnknown(SymbolList symbols, int pending, int length)
    {
        if (_options.UnknownToken is null)
            return 0; // the reference leaves such characters out
        if (_unknownId < 0)
            throw new TokenizerException($"the text needs the unknown token '{_options.UnknownToken}', which is not in the vocabulary");
        if (_options.FuseUnknown)
            return pending + length;
        if (pending > 0)
            symbols.Add(_unknownId, pending);
        return length;
    }

    private bool AddBytes(ReadOnlySpan<byte> symbol, SymbolList symbols)
    {
        foreach (var value in symbol)
        {
            if (_byteTokens[value] < 0)
                return false;
        }
        foreach (var value in symbol)
            symbols.Add(_byteTokens[value], length: 1);
        return true;
    }

    private int[]? ByteIds()
    {
        if (_options is not { Dropout: null or 0, ContinuingSubwordPrefix: null or "", EndOfWordSuffix: null or "" })
            return null;
        var ids = new int[256];
        for (var value = 0; value < 256; value++)
        {
            ids[value] = Vocabulary.Id(ByteAlphabet.Character((byte)value).ToString());
            if (ids[value] < 0)
                return null;
        }
        return ids;
    }

    private Vocabulary TranslatedVocabulary()
    {
        var translated = new Vocabulary(Vocabulary.Count);
        for (var index = 0; index < Vocabulary.Count; index++)
        {
            if (ByteAlphabet.Translate(Vocabulary.Token(index, out var id)) is { } bytes)
                translated.Add(bytes, id);
        }
        return translated;
    }

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "BPE");
        if (_options.Dropout is { } dropout)
            writer.WriteNumber("dropout", dropout);
        else
            writer.WriteNull("dropout");
        writer.WriteString("unk_token", _options.UnknownToken);
        writer.WriteString("continuing_subword_prefix", _options.ContinuingSubwordPrefix);
        writer.WriteString("end_of_word_suffix", _options.EndOfWordSuffix);
        writer.WriteBoolean("fuse_unk", _options.FuseUnknown);
        writer.WriteBoolean("byte_fallback", _options.ByteFallback);
        writer.WriteBoolean("ignore_merges", _options.IgnoreMerges);
        WriteVocabulary(writer);
        writer.WriteStartArray("merges");
        foreach (var (left, right) in _merges.InOrder())
        {
            writer.WriteStartArray();
            foreach (var id in (ReadOnlySpan<int>)[left, right])
            {
                Vocabulary.TryToken(id, out var token);
                writer.WriteStringValue(token);
            }
            writer.WriteEndArray();
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}
