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
        var terms = new Dictionary<string, (double Sum, long Count, double Weight)>();
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
                    var (sum, count, _) = terms.GetValueOrDefault(term.Name);
                    terms[term.Name] = (sum + term.Sum.item<float>(), count + host.TargetsOf(term.Name), term.Weight);
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
        var loss = terms.Values.Sum(t => t.Weight * t.Sum / t.Count);
        var (sums, counts, _) = terms.Values.First();
        var main = sums / counts;       // without what balances routers
        // A loss of several parts says little by itself.
        var parts = terms.Count > 1 ? terms.Select(t => ($"{t.Key}_loss", t.Value.Sum / t.Value.Count)) : [];
        var scores = parts.Concat(scorer?.Scores() ?? [])
            .ToLookup(s => double.IsFinite(s.Item2), s => (Name: $"eval_{s.Item1}", Value: s.Item2));
        return new(step, loss)
        {
            EvalPerplexity = objective.Model is LanguageModel ? Math.Exp(main) : null,
            EvalBitsPerByte = bytes > 0 ? main * targets / Math.Log(2) / bytes : null,
            Scores = scores.Count > 0 ? new JsonObject(scores[true].Select(s => KeyValuePair.Create(s.Name, (JsonNode?)s.Value))) : null,
            Undefined = [.. scores[false].Select(s => s.Name)], EvalTokens = targets, EvalSeconds = clock.Elapsed.TotalSeconds,
        };
    }
}
