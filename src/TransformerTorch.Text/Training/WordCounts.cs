using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using TransformerTorch.Text.Models;

namespace TransformerTorch.Text.Training;

/// <summary>The different words of a corpus, as the model sees them, and how often each occurs.</summary>
internal sealed class WordCounts
{
    private const int BatchCharacters = 1 << 18;

    private readonly ByteStrings _words = new();
    private readonly List<long> _counts = [];

    private int[]? _order;

    public int Count => _words.Count;

    /// <summary>The numbers of the words in ascending order of their bytes: the same whichever thread met them first.</summary>
    public int[] InOrder()
    {
        if (_order is not null)
            return _order;
        _order = [.. Enumerable.Range(0, Count)];
        Array.Sort(_order, (a, b) => _words[a].SequenceCompareTo(_words[b]));
        return _order;
    }

    public ReadOnlySpan<byte> Word(int index) => _words[index];

    public long Frequency(int index) => _counts[index];

    public void Add(ReadOnlySpan<byte> word, long count)
    {
        var index = _words.FindOrAdd(word);
        if (index == _counts.Count)
            _counts.Add(0);
        CollectionsMarshal.AsSpan(_counts)[index] += count;
    }

    /// <summary>Counts on all cores; holds a few batches of texts and the different words.</summary>
    public static WordCounts Of(IEnumerable<string> texts, Tokenizer pipeline, IProgress<TrainingProgress>? progress)
    {
        var locals = new ConcurrentBag<WordCounts>();
        long done = 0;
        try
        {
            Parallel.ForEach(
                Batches(texts),
                new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount },
                () => new WordCounts(),
                (batch, _, local) =>
                {
                    foreach (var text in batch)
                        pipeline.ForEachPiece(text, piece => local.Add(piece, 1));
                    progress?.Report(new TrainingProgress("counting words", Interlocked.Add(ref done, batch.Count), 0));
                    return local;
                },
                locals.Add);
        }
        catch (AggregateException e)
        {
            // What the texts' own reader says: a malformed record, or that it was stopped.
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
        var all = new WordCounts();
        foreach (var local in locals)
        {
            for (var i = 0; i < local.Count; i++)
                all.Add(local.Word(i), local.Frequency(i));
        }
        return all;
    }

    private static IEnumerable<List<string>> Batches(IEnumerable<string> texts)
    {
        var batch = new List<string>();
        var characters = 0;
        foreach (var text in texts)
        {
            batch.Add(text);
            characters += text.Length;
            if (characters < BatchCharacters)
                continue;
            yield return batch;
            (batch, characters) = ([], 0);
        }
        if (batch.Count > 0)
            yield return batch;
    }
}
