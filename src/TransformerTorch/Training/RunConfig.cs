using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using TransformerTorch.Configuration;
using TransformerTorch.Data;
using TransformerTorch.Models;


namespace TransformerTorch.Training;

/// <summary>A training run, as its YAML file says it. Names are those of Transformers' TrainingArguments where it has them.</summary>
public sealed partial record RunConfig : IValidated
{
    /// <summary>Folder for all that the run leaves.</summary>
    public required string OutputDir { get; init; }

    /// <summary>The model, in the keys of its published config.json (<c>model_type: gpt2</c>, <c>n_layer: 6</c>, ...).</summary>
    public required JsonObject Model { get; init; }

    /// <summary>The tokenizer: a path, or how to train one.</summary>
    public required TokenizerConfig Tokenizer { get; init; }

    /// <summary>What to learn from.</summary>
    public required DataConfig Data { get; init; }

    /// <summary>Seeds initial weights, dropout and the order of the data.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>Where to compute: <c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Optimizer steps in all; -1 leaves it to <c>num_train_epochs</c>.</summary>
    public int MaxSteps { get; init; } = -1;

    /// <summary>Passes over the training data, where <c>max_steps</c> is not given.</summary>
    [Range(0.0, 1e9, MinimumIsExclusive = true)]
    public double NumTrainEpochs { get; init; } = 3;

    /// <summary>Sequences of one forward pass.</summary>
    [Range(1, int.MaxValue)]
    public int PerDeviceTrainBatchSize { get; init; } = 8;

    /// <summary>Sequences of one forward pass in evaluation.</summary>
    [Range(1, int.MaxValue)]
    public int PerDeviceEvalBatchSize { get; init; } = 8;

    /// <summary>Forward and backward passes of one step.</summary>
    [Range(1, int.MaxValue)]
    public int GradientAccumulationSteps { get; init; } = 1;

    /// <summary>Steps between lines of metrics.</summary>
    [Range(1, int.MaxValue)]
    public int LoggingSteps { get; init; } = 10;

    /// <summary>Steps between evaluations; 0 evaluates at the end alone.</summary>
    [Range(0, int.MaxValue)]
    public int EvalSteps { get; init; } = 500;

    /// <summary>Windows of the held-out data that an evaluation takes; 0 takes all. The last evaluation always takes all.</summary>
    [Range(0, int.MaxValue)]
    public int EvalSamples { get; init; }

    /// <summary>Steps between checkpoints; 0 writes one at the end or when interrupted.</summary>
    [Range(0, int.MaxValue)]
    public int SaveSteps { get; init; } = 500;

    /// <summary>Checkpoints kept, the newest; 0 keeps all.</summary>
    [Range(0, int.MaxValue)]
    public int SaveTotalLimit { get; init; } = 2;

    /// <summary>Texts that the model writes at each evaluation.</summary>
    public SampleConfig Sample { get; init; } = new();

    /// <inheritdoc/>
    public IEnumerable<(string Key, string Message)> Validate()
    {
        foreach (var (key, message) in ModelConfig.Problems(Model)) yield return ($"model.{key}".TrimEnd('.'), message);
        if (MaxSteps is < -1 or 0) yield return ("max_steps", $"{MaxSteps}: give a number of steps, or -1 to go by num_train_epochs");
        foreach (var problem in OptimizationProblems()) yield return problem;
    }
}

/// <summary>Texts written during training.</summary>
public sealed record SampleConfig
{
    /// <summary>What the samples begin with; none, no samples.</summary>
    public IReadOnlyList<string> Prompts { get; init; } = [];

    /// <summary>Tokens of a sample.</summary>
    [Range(1, int.MaxValue)]
    public int MaxNewTokens { get; init; } = 64;

    /// <summary>0 takes the likeliest token, 1 draws by the model's own probabilities.</summary>
    [Range(0.0, 1e9)]
    public double Temperature { get; init; } = 0.8;

    /// <summary>Draws among this many likeliest tokens; 0 among all.</summary>
    [Range(0, int.MaxValue)]
    public int TopK { get; init; } = 50;
}
