using TransformerTorch.Data;
using TransformerTorch.Text;
using TransformerTorch.Training.Metrics;
using TransformerTorch.Training.Objectives;
using static TorchSharp.torch;

namespace TransformerTorch.Training.Evaluation;

/// <summary>Classes of tokens; as spans where the classes are tags of spans (B-PER, I-PER, O).</summary>
internal sealed class TagScorer(IReadOnlyList<string> labels) : IScorer
{
    private readonly List<int[]> _given = [], _wanted = [];

    public void Add(DeviceBatch batch, Func<IReadOnlyDictionary<string, Tensor>> predict)
    {
        var width = (int)batch[Batch.Names.Labels].shape[1];
        var wanted = batch.Host[Batch.Names.Labels].Integers.Chunk(width);
        foreach (var (row, best) in wanted.Zip(Best(predict()["logits"]).Chunk(width)))
        {
            _wanted.Add([.. row.Where(l => l != -100).Select(l => (int)l)]);
            _given.Add([.. best.Where((_, i) => row[i] != -100)]);
        }
    }

    public IEnumerable<(string, double)> Scores()
    {
        var tokens = ClassificationScores.Of([.. _given.SelectMany(g => g)], [.. _wanted.SelectMany(w => w)]);
        if (!labels.All(l => l is "O" || l.StartsWith("B-", StringComparison.Ordinal) || l.StartsWith("I-", StringComparison.Ordinal)))
            return [("accuracy", tokens.Accuracy), ("f1", tokens.MacroF1)];
        var spans = SpanScores.Of(Named(_given), Named(_wanted));
        return
        [
            ("f1", spans.Micro.F1), ("precision", spans.Micro.Precision), ("recall", spans.Micro.Recall), ("accuracy", tokens.Accuracy),
        ];
    }

    /// <summary>The likeliest class at each position.</summary>
    internal static int[] Best(Tensor logits)
    {
        using var best = logits.argmax(-1).cpu();
        return [.. best.data<long>().ToArray().Select(i => (int)i)];
    }

    private List<string[]> Named(List<int[]> rows) => rows.ConvertAll(row => row.Select(i => labels[i]).ToArray());
}

/// <summary>Tokens that were masked.</summary>
internal sealed class MaskScorer : IScorer
{
    private long _right, _all;

    public void Add(DeviceBatch batch, Func<IReadOnlyDictionary<string, Tensor>> predict)
    {
        var wanted = batch.Host[Batch.Names.Labels].Integers;
        var given = TagScorer.Best(predict()["logits"]);
        _right += wanted.Where((w, i) => w != -100 && w == given[i]).Count();
        _all += wanted.Count(w => w != -100);
    }

    public IEnumerable<(string, double)> Scores() => [("accuracy", Pairs.Mean(_right, _all))];
}

/// <summary>Answers that stand in texts, as the tokenizer writes their tokens; of each part of a long text for itself.</summary>
internal sealed class AnswerScorer(Tokenizer tokenizer) : IScorer
{
    private const int LongestAnswer = 30; // as the reference's script has it
    private readonly List<string> _given = [];
    private readonly List<IReadOnlyList<string>> _wanted = [];

    public void Add(DeviceBatch batch, Func<IReadOnlyDictionary<string, Tensor>> predict)
    {
        var scores = predict();
        var ids = batch.Host[Batch.Names.InputIds];
        var width = (int)ids.Shape[1];
        var (starts, ends) = (Rows(scores["start_logits"], width), Rows(scores["end_logits"], width));
        var (from, to) = (batch.Host[Batch.Names.StartPositions].Integers, batch.Host[Batch.Names.EndPositions].Integers);
        foreach (var (row, i) in ids.Integers.Chunk(width).Select((row, i) => (row, i)))
        {
            _given.Add(Text(row, Best(starts[i], ends[i])));
            _wanted.Add(Text(row, ((int)from[i], (int)to[i])) is { Length: > 0 } answer ? [answer] : []);
        }
    }

    public IEnumerable<(string, double)> Scores()
        => AnswerScores.Of(_given, _wanted) is var scores ? [("exact_match", scores.ExactMatch), ("f1", scores.F1)] : [];

    // The first token stands for: no answer here.
    private string Text(long[] row, (int Start, int End) span) => span.Start <= 0 || span.Start >= row.Length ? ""
        : tokenizer.Decode(row[span.Start..Math.Min(row.Length, span.End + 1)].Select(id => (int)id));

    private static (int, int) Best(float[] starts, float[] ends)
    {
        var best = (Start: 0, End: 0, Score: starts[0] + ends[0]);
        for (var start = 1; start < starts.Length; start++)
            for (var end = start; end < Math.Min(ends.Length, start + LongestAnswer); end++)
                if (starts[start] + ends[end] > best.Score) best = (start, end, starts[start] + ends[end]);
        return (best.Start, best.End);
    }

    private static float[][] Rows(Tensor tensor, int width)
    {
        using var rows = tensor.to(ScalarType.Float32).cpu();
        return [.. rows.data<float>().ToArray().Chunk(width)];
    }
}
