using TransformerTorch.Data;
using TransformerTorch.Data.Encoders;
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

/// <summary>Tokens that a generator replaced, and that are to be told from the text's own.</summary>
internal sealed class DetectionScorer : IScorer
{
    private long _all, _right, _found, _given, _wanted;

    public void Add(DeviceBatch batch, Func<IReadOnlyDictionary<string, Tensor>> predict)
    {
        using var scope = NewDisposeScope();
        var scores = predict();
        var (given, wanted) = (scores["logits"].gt(0), scores[ReplacedTokenDetection.Replaced].ne(0));
        var read = batch.Column(Batch.Names.AttentionMask)?.ne(0) ?? ones_like(given);
        _all += Count(read);
        _right += Count(read & given.eq(wanted));
        _found += Count(read & given & wanted);
        _given += Count(read & given);
        _wanted += Count(read & wanted);

        static long Count(Tensor places) => places.sum().item<long>();
    }

    public IEnumerable<(string, double)> Scores()
    {
        var replaced = PrecisionRecall.Of(_found, _given, _wanted);
        return
        [
            ("accuracy", Pairs.Mean(_right, _all)), ("f1", replaced.F1), ("precision", replaced.Precision), ("recall", replaced.Recall),
        ];
    }
}

/// <summary>Answers that stand in texts: the best of all parts of each text.</summary>
internal sealed class AnswerScorer : IScorer
{
    private readonly List<ScoredPart> _parts = [];

    public void Add(DeviceBatch batch, Func<IReadOnlyDictionary<string, Tensor>> predict)
    {
        var scores = predict();
        var (starts, ends) = (Rows(scores["start_logits"]), Rows(scores["end_logits"]));
        // Without the padding.
        _parts.AddRange(batch.Host.Examples.Select((part, i)
            => new ScoredPart(part, starts[i][..part.Ids.Length], ends[i][..part.Ids.Length])));
    }

    public IEnumerable<(string, double)> Scores()
    {
        // Where some questions have no answer, any may be answered so.
        var read = new AnswerReader { AllowsNone = _parts.Any(part => part is { IsFirst: true, HasAnswer: false }) }
            .Read(_parts).ToList();
        var scores = AnswerScores.Of(read.ConvertAll(r => r.Answer), read.ConvertAll(r => r.Right));
        return [("exact_match", scores.ExactMatch), ("f1", scores.F1)];
    }

    private static float[][] Rows(Tensor tensor)
    {
        using var rows = tensor.to(ScalarType.Float32).cpu();
        return [.. rows.data<float>().ToArray().Chunk((int)rows.shape[1])];
    }
}
