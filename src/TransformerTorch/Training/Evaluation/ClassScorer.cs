using TransformerTorch.Data;
using TransformerTorch.Models;
using TransformerTorch.Training.Metrics;
using TransformerTorch.Training.Objectives;
using static TorchSharp.torch;

namespace TransformerTorch.Training.Evaluation;

/// <summary>Classes, several classes or values of texts.</summary>
internal sealed class ClassScorer(ModelConfig config) : IScorer
{
    private readonly List<float[]> _scores = [];
    private readonly List<float[]> _wanted = [];

    public void Add(DeviceBatch batch, Func<IReadOnlyDictionary<string, Tensor>> predict)
    {
        _scores.AddRange(Rows(predict()["logits"]));
        _wanted.AddRange(Rows(batch[Batch.Names.Labels]));
    }

    public IEnumerable<(string, double)> Scores()
    {
        var values = config.ProblemType == ProblemType.Regression || (config.ProblemType is null && config.Labels.Count == 1);
        if (values)
        {
            double[] given = [.. _scores.Select(s => s[0])], wanted = [.. _wanted.Select(w => w[0])];
            return
            [
                ("pearson", Correlation.Pearson(given, wanted)), ("spearman", Correlation.Spearman(given, wanted)),
                ("mse", given.Zip(wanted, (g, w) => (g - w) * (g - w)).DefaultIfEmpty().Average()),
            ];
        }
        var several = _wanted.FirstOrDefault() is { Length: > 1 };
        var scores = several ? ClassificationScores.Of([.. _scores.Select(Above)], _wanted.ConvertAll(Above))
            : ClassificationScores.Of([.. _scores.Select(s => Array.IndexOf(s, s.Max()))], _wanted.ConvertAll(w => (int)w[0]));
        (string, double)[] common =
            [("accuracy", scores.Accuracy), ("f1", scores.MacroF1), ("f1_micro", scores.Micro.F1), ("f1_weighted", scores.WeightedF1),
            ("precision", scores.Macro.Precision), ("recall", scores.Macro.Recall)];
        return scores.Matthews is { } matthews ? [.. common, ("matthews", matthews)] : common;

        static bool[] Above(float[] row) => [.. row.Select(v => v > 0)];
    }

    private static List<float[]> Rows(Tensor tensor)
    {
        using var rows = tensor.to(ScalarType.Float32).view(tensor.shape[0], -1).cpu();
        return rows.data<float>().ToArray().Chunk((int)rows.shape[1]).ToList();
    }
}
