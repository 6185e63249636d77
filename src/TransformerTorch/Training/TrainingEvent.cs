namespace TransformerTorch.Training;

/// <summary>Something that happened in a run, for whoever shows or records it.</summary>
public abstract record TrainingEvent;

/// <summary>Work before the first step goes on: data, tokenizer.</summary>
/// <param name="What">What is done, as a phrase.</param>
/// <param name="Done">How much is done.</param>
/// <param name="Total">Of how much, where known.</param>
public sealed record Preparing(string What, long Done, long? Total) : TrainingEvent;

/// <summary>The first step is about to run.</summary>
/// <param name="Step">Steps done before (resumed) or 0.</param>
/// <param name="TotalSteps">Steps in all.</param>
/// <param name="Parameters">Parameters that are trained.</param>
/// <param name="TokensPerStep">Target tokens of one step.</param>
public sealed record Started(int Step, int TotalSteps, long Parameters, long TokensPerStep) : TrainingEvent
{
    /// <summary>The device's name.</summary>
    public required string Device { get; init; }

    /// <summary>Tokens of the training split.</summary>
    public required long TrainTokens { get; init; }

    /// <summary>Tokens of the validation split.</summary>
    public required long ValidationTokens { get; init; }
}

/// <summary>A step is done.</summary>
/// <param name="Metrics">Its figures.</param>
/// <param name="TotalSteps">Steps in all.</param>
/// <param name="Logged">Whether it is one of those written to metrics.jsonl.</param>
public sealed record StepDone(StepMetrics Metrics, int TotalSteps, bool Logged) : TrainingEvent;

/// <summary>The held-out data were evaluated.</summary>
public sealed record Evaluated(EvaluationMetrics Metrics) : TrainingEvent;

/// <summary>The model wrote a text.</summary>
/// <param name="Step">After how many steps.</param>
/// <param name="Prompt">What it was given.</param>
/// <param name="Text">What it went on with.</param>
public sealed record Sampled(int Step, string Prompt, string Text) : TrainingEvent;

/// <summary>A checkpoint was written.</summary>
public sealed record Saved(int Step, string Path) : TrainingEvent;

/// <summary>Something that the user should know; the run goes on.</summary>
public sealed record Warned(string Message) : TrainingEvent;

/// <summary>The run is over.</summary>
public sealed record Finished(TrainingResult Result) : TrainingEvent;

/// <summary>Shows or records what happens; called on the training thread, so it should be quick.</summary>
public interface ITrainingReporter
{
    /// <summary>Called for each event, in order.</summary>
    void Report(TrainingEvent trainingEvent);
}

/// <summary>How a run ended.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="TotalSteps">Steps in all.</param>
/// <param name="Interrupted">Stopped before the end, with a checkpoint written.</param>
/// <param name="Checkpoint">The last checkpoint.</param>
public sealed record TrainingResult(int Step, int TotalSteps, bool Interrupted, string? Checkpoint)
{
    /// <summary>The exported model; null where the run was interrupted.</summary>
    public string? ModelFolder { get; init; }

    /// <summary>The step whose weights the exported model has: the last, or the best where that is asked for.</summary>
    public int BestStep { get; init; } = Step;

    /// <summary>The last evaluation, or the best where its weights are exported; null where nothing was held out.</summary>
    public EvaluationMetrics? Evaluation { get; init; }
}

/// <summary>Training cannot go on; the message says at which step, why, and what to try.</summary>
public sealed class TrainingException(string message, Exception? inner = null) : Exception(message, inner);
