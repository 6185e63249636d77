namespace TransformerTorch.Training;

/// <summary>What the evaluations so far have shown.</summary>
/// <param name="Metric">The best value; null before the first evaluation.</param>
/// <param name="Step">After how many steps.</param>
/// <param name="Worse">Evaluations since then that were no better by the threshold.</param>
public sealed record BestState(double? Metric, int Step, int Worse);

/// <summary>Keeps which evaluation was the best, and when it is time to stop.</summary>
public sealed class BestModel(BestState state)
{
    /// <summary>The metric, by its name in <c>metrics.jsonl</c>, with or without <c>eval_</c>.</summary>
    public string Metric { get; init; } = "loss";

    /// <summary>Whether more of it is better.</summary>
    public bool GreaterIsBetter { get; init; }

    /// <summary>Evaluations without improvement after which training stops; 0: it never does.</summary>
    public int Patience { get; init; }

    /// <summary>What counts as an improvement for that: more than this.</summary>
    public double Threshold { get; init; }

    /// <summary>What the evaluations so far have shown.</summary>
    public BestState State { get; private set; } = state;

    /// <summary>Whether patience is at its end.</summary>
    public bool IsOver => Patience > 0 && State.Worse >= Patience;

    /// <summary>Takes an evaluation in; one in which the metric is no number is none of the better ones.</summary>
    /// <returns>Whether it is the best so far.</returns>
    /// <exception cref="TrainingException">It has no such metric.</exception>
    public bool Add(int step, EvaluationMetrics evaluation)
    {
        var value = Value(evaluation);
        var gain = double.IsNaN(value) ? double.NegativeInfinity
            : State.Metric is not { } best ? double.PositiveInfinity : GreaterIsBetter ? value - best : best - value;
        var improved = gain > Threshold;
        if (gain > 0) State = new(value, step, improved ? 0 : State.Worse + 1);
        else State = State with { Worse = State.Worse + 1 };
        return gain > 0;
    }

    /// <summary>The metric's value; NaN where it is no number.</summary>
    /// <exception cref="TrainingException">There is no such metric.</exception>
    public double Value(EvaluationMetrics evaluation)
    {
        var all = MetricsLog.Json(evaluation);
        if (all.TryGetPropertyValue(Metric, out var found) || all.TryGetPropertyValue($"eval_{Metric}", out found))
            return found is null ? double.NaN : (double)found;
        return evaluation.Undefined.Any(name => name == Metric || name == $"eval_{Metric}") ? double.NaN : throw new TrainingException(
            $"metric_for_best_model: an evaluation gives no {Metric}; it gives " +
            string.Join(", ", all.Select(m => m.Key).Concat(evaluation.Undefined)));
    }
}
