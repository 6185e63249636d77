using TransformerTorch.Data.Collators;

namespace TransformerTorch.Data;

/// <summary>What a model is to tell of two segments.</summary>
public enum PairTask
{
    /// <summary>Whether the second follows the first or is of another text (Devlin et al., 2019).</summary>
    NextSentence,

    /// <summary>Whether they are in order or swapped (ALBERT: Lan et al., 2020).</summary>
    SentenceOrder,
}

/// <summary>Documents cut into pieces of a length at most, end marks left out: no example holds parts of two.</summary>
public class Pieces : IExamples
{
    private readonly List<(long Start, int Length)> _pieces = [];
    private readonly Func<int, int> _finished;

    /// <summary>Cuts the documents.</summary>
    /// <param name="file">The documents.</param>
    /// <param name="length">Tokens of a piece at most.</param>
    /// <param name="least">Shorter documents, and rests of documents, are left out.</param>
    /// <param name="finished">How long a piece of so many tokens is when it is read; as long, where it is not given.</param>
    public Pieces(ExampleFile file, int length, int least = 1, Func<int, int>? finished = null)
    {
        (File, _finished) = (file, finished ?? (tokens => tokens));
        for (var document = 0L; document < file.Count; document++)
        {
            var (start, end) = (file.Ids.StartOfDocument(document), file.Ids.EndOfDocument(document) - 1);
            for (; end - start >= least; start += length) _pieces.Add((start, (int)Math.Min(length, end - start)));
        }
    }

    /// <summary>The documents.</summary>
    protected ExampleFile File { get; }

    /// <inheritdoc/>
    public long Count(long epoch) => _pieces.Count;

    /// <inheritdoc/>
    public int Length(long index, long epoch) => _finished(_pieces[(int)index].Length);

    /// <inheritdoc/>
    public virtual Example Read(long index, long epoch)
        => new(File.Columns.ToDictionary(c => c.Key, c => Values(c.Value, Piece(index))));

    /// <summary>Where a piece lies.</summary>
    protected (long Start, int Length) Piece(long index) => _pieces[(int)index];

    /// <summary>A column's values there.</summary>
    protected static int[] Values(TokenFile column, (long Start, int Length) part)
    {
        var values = new int[part.Length];
        column.Read(part.Start, values);
        return values;
    }
}

/// <summary>
/// Pieces each cut in two at a sentence; half of the pairs are not what they should be. The label (<c>next_sentence_label</c>) is 0 where
/// they are in order.
/// </summary>
/// <param name="file">Documents with sentence starts.</param>
/// <param name="task">What is to be told.</param>
/// <param name="length">Tokens of a pair at most.</param>
/// <param name="seed">Of cuts and of what is swapped; they differ with each pass.</param>
public sealed class SentencePairs(ExampleFile file, PairTask task, int length, long seed) : Pieces(file, length, least: 2)
{
    /// <inheritdoc/>
    public override Example Read(long index, long epoch)
    {
        var (random, count) = (SplitMix.Of(seed, epoch, index), (int)Count(epoch));
        var piece = Piece(index);
        var at = Cut(piece, random);
        var (first, second) = ((piece.Start, Length: at), (Start: piece.Start + at, Length: piece.Length - at));
        var wrong = random.Below(2) == 1 && (task == PairTask.SentenceOrder || count > 1);
        if (wrong && task == PairTask.SentenceOrder) (first, second) = (second, first);
        else if (wrong)
        {
            var other = Piece((index + 1 + random.Below(count - 1)) % count);
            second = (other.Start, Math.Min(other.Length, second.Length));
        }
        var columns = File.Columns.ToDictionary(c => c.Key, c => (int[])[.. Values(c.Value, first), .. Values(c.Value, second)]);
        columns[MaskedCollator.Second] = [first.Length];
        columns[Batch.Names.NextSentenceLabel] = [wrong ? 1 : 0];
        return new(columns);
    }

    // Before a sentence that is not the first; in the middle where there is but one.
    private int Cut((long Start, int Length) piece, SplitMix random)
    {
        var starts = Values(File.Columns[DenoisingCollator.SentenceStarts], piece);
        int[] cuts = [.. Enumerable.Range(1, piece.Length - 1).Where(i => starts[i] == 1)];
        return cuts.Length > 0 ? cuts[random.Below(cuts.Length)] : piece.Length / 2;
    }
}
