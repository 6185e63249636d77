using System.Diagnostics;
using System.Text.Json.Nodes;
using TransformerTorch.Data;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Training.Evaluation;
using TransformerTorch.Training.Objectives;
using static TorchSharp.torch;

namespace TransformerTorch.Training;

/// <summary>Measures an objective on held-out data, in order.</summary>
/// <param name="objective">What is measured.</param>
/// <param name="data">The held-out data.</param>
public sealed class Evaluator(IObjective objective, EvaluationData data)
{
    /// <summary>What matrix products compute in.</summary>
    public Precision Precision { get; init; } = Precision.Fp32;

    /// <summary>Where the model is.</summary>
    public Device Device { get; init; } = CPU;

    /// <summary>Makes what scores predictions beside the loss; null, or one that gives null: nothing does.</summary>
    public Func<IScorer?>? Scorer { get; init; }

    /// <summary>Evaluates the first <paramref name="samples"/> examples, or all where
    /// that is 0. The model comes back in the mode it was in.</summary>
    /// <param name="step">Steps trained so far, for the record.</param>
    /// <param name="samples">How many examples.</param>
    public EvaluationMetrics Run(int step, long samples = 0)
    {
        var clock = Stopwatch.StartNew();
        var terms = new Dictionary<string, (double Sum, long Count)>();
        var (targets, bytes) = (0L, 0.0);
        var scorer = Scorer?.Invoke();
        var training = objective.Model.training;
        objective.Model.eval();
        try
        {
            using var _ = no_grad();
            foreach (var host in data.Batches(samples))
            {
                using var scope = NewDisposeScope();
                using var batch = new DeviceBatch(host, Device);
                using var autocast = Autocast.Enter(Precision, Device);
                foreach (var term in objective.Loss(batch))
                {
                    var (sum, count) = terms.GetValueOrDefault(term.Name);
                    terms[term.Name] = (sum + term.Sum.item<float>() * term.Weight, count + host.TargetsOf(term.Name));
                }
                scorer?.Add(batch, () => objective.Predict(batch));
                targets += host.TargetCount;
                bytes += host.TextBytes;
            }
        }
        finally
        {
            objective.Model.train(training);
        }
        var loss = terms.Values.Sum(t => t.Sum / t.Count);
        return new(step, loss)
        {
            EvalPerplexity = objective.Model is LanguageModel ? Math.Exp(loss) : null,
            EvalBitsPerByte = bytes > 0 ? loss * targets / Math.Log(2) / bytes : null,
            Scores = scorer is null ? null : Written(scorer), EvalTokens = targets, EvalSeconds = clock.Elapsed.TotalSeconds,
        };

        // JSON has no word for what is not a number: a correlation with what does not vary is left out.
        static JsonObject Written(IScorer scorer) => new(scorer.Scores().Where(s => double.IsFinite(s.Value))
            .Select(s => KeyValuePair.Create($"eval_{s.Name}", (JsonNode?)s.Value)));
    }
}
