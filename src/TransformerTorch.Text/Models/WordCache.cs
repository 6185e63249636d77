namespace TransformerTorch.Text.Models;

/// <summary>What a model made of the words met so far, bounded: a full cache starts afresh. One thread at a time.</summary>
internal sealed class WordCache
{
    private const int MaxWordLength = 256;
    private const int MaxWords = 1 << 15;

    private readonly ByteStrings _words = new();
    private readonly (int First, int Count)[] _ranges = new (int, int)[MaxWords];
    private int[] _tokens = new int[1 << 12]; // id, start, end, id, start, end ...
    private int _tokenCount;

    /// <summary>Adds the tokens of <paramref name="word"/> to <paramref name="sink"/> if they are known.</summary>
    public bool TryGet(ReadOnlySpan<byte> word, TokenSink sink)
    {
        var index = _words.Find(word);
        if (index < 0)
            return false;
        var (first, count) = _ranges[index];
        var tokens = _tokens.AsSpan(first, count * 3);
        for (var i = 0; i + 2 < tokens.Length; i += 3)
            sink.Add(tokens[i], tokens[i + 1], tokens[i + 2]);
        return true;
    }

    /// <summary>
    /// Remembers the tokens that <paramref name="sink"/> got for <paramref name="word"/>, from index <paramref name="from"/> on.
    /// </summary>
    public void Add(ReadOnlySpan<byte> word, TokenSink sink, int from)
    {
        if (word.Length > MaxWordLength)
            return;
        if (_words.Count == MaxWords)
        {
            _words.Clear();
            _tokenCount = 0;
        }
        var count = sink.Count - from;
        while (_tokenCount + count * 3 > _tokens.Length)
            Array.Resize(ref _tokens, _tokens.Length * 2);
        _ranges[_words.FindOrAdd(word)] = (_tokenCount, count);
        for (var i = from; i < sink.Count; i++)
        {
            _tokens[_tokenCount++] = sink.Ids[i];
            _tokens[_tokenCount++] = sink.Starts[i];
            _tokens[_tokenCount++] = sink.Ends[i];
        }
    }
}
