using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using TransformerTorch.Configuration;
using TransformerTorch.Data;
using TransformerTorch.Models;
using TransformerTorch.Training.Evaluation;
using TransformerTorch.Training.Objectives;

namespace TransformerTorch.Training;

/// <summary>A training run, as its YAML file says it. Names are those of Transformers' TrainingArguments where it has them.</summary>
public sealed partial record RunConfig : IValidated
{
    /// <summary>Folder for all that the run leaves.</summary>
    public required string OutputDir { get; init; }

    /// <summary>The model, in the keys of its published config.json (<c>model_type: gpt2</c>, <c>n_layer: 6</c>, ...); with
    /// `init_from`, those that are to be other than published (`num_labels: 5`).</summary>
    public JsonObject Model { get; init; } = [];

    /// <summary>A published model to begin from: a folder, or `org/name` on the hub. Its head is replaced where it does not fit.</summary>
    public string? InitFrom { get; init; }

    /// <summary>Trains low-rank updates in place of the weights of `init_from`.</summary>
    public LoraConfig? Lora { get; init; }

    /// <summary>The tokenizer: a path, or how to train one; that of `init_from` where nothing is said.</summary>
    public TokenizerConfig? Tokenizer { get; init; }

    /// <summary>What to learn from.</summary>
    public required DataConfig Data { get; init; }

    /// <summary>What to learn: the next token where it is not given.</summary>
    public ObjectiveConfig Objective { get; init; } = new CausalLanguageModelingConfig();

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

    /// <summary>On a lack of memory, halves the sequences of a pass until they fit; a step stays as it is.</summary>
    public bool AutoFindBatchSize { get; init; }

    /// <summary>Steps in a row that may be skipped because a loss or gradient is not finite; the next one stops training.</summary>
    [Range(0, int.MaxValue)]
    public int SkipNonfiniteSteps { get; init; }

    /// <summary>Skips a step whose gradient norm is more than so many times the usual one; 0 skips none.</summary>
    [Range(0.0, 1e9)]
    public double SkipGradNormSpikes { get; init; }

    /// <summary>When the held-out data are evaluated: every so many steps, after each pass over the data, or at the end alone.</summary>
    public IntervalStrategy EvalStrategy { get; init; } = IntervalStrategy.Steps;

    /// <summary>Steps between evaluations; 0 evaluates at the end alone.</summary>
    [Range(0, int.MaxValue)]
    public int EvalSteps { get; init; } = 500;

    /// <summary>Windows of the held-out data that an evaluation takes; 0 takes all. The last evaluation always takes all.</summary>
    [Range(0, int.MaxValue)]
    public int EvalSamples { get; init; }

    /// <summary>When checkpoints are written: every so many steps, after each pass over the data, or at the end alone.</summary>
    public IntervalStrategy SaveStrategy { get; init; } = IntervalStrategy.Steps;

    /// <summary>Steps between checkpoints; 0 writes one at the end or when interrupted.</summary>
    [Range(0, int.MaxValue)]
    public int SaveSteps { get; init; } = 500;

    /// <summary>Checkpoints kept, the newest; 0 keeps all.</summary>
    [Range(0, int.MaxValue)]
    public int SaveTotalLimit { get; init; } = 2;

    /// <summary>Exports the weights of the best evaluation; its checkpoint is written and kept.</summary>
    public bool LoadBestModelAtEnd { get; init; }

    /// <summary>
    /// What the best is measured by: a name in an evaluation's line of <c>metrics.jsonl</c>, with or without <c>eval_</c>.
    /// </summary>
    public string MetricForBestModel { get; init; } = "loss";

    /// <summary>Whether more of that is better; where not given, it is for everything but losses and perplexity.</summary>
    public bool? GreaterIsBetter { get; init; }

    /// <summary>Evaluations without improvement after which training stops; 0: it goes on.</summary>
    [Range(0, int.MaxValue)]
    public int EarlyStoppingPatience { get; init; }

    /// <summary>How much better an evaluation must be to count as an improvement for that.</summary>
    [Range(0.0, 1e9)]
    public double EarlyStoppingThreshold { get; init; }

    /// <summary>Whether models that write texts from texts do so in evaluation, for ROUGE, BLEU and chrF.</summary>
    public bool PredictWithGenerate { get; init; }

    /// <summary>Tokens of such a text at most.</summary>
    [Range(1, 1 << 20)]
    public int GenerationMaxLength { get; init; } = 64;

    /// <summary>Beams that such a text is searched with; 1 takes the likeliest token each time.</summary>
    [Range(1, 64)]
    public int GenerationNumBeams { get; init; } = 1;

    /// <summary>Texts that the model writes at each evaluation.</summary>
    public SampleConfig Sample { get; init; } = new();

    /// <summary>With what the file leaves to the model: how long examples are.</summary>
    /// <exception cref="ModelConfigException">What is given does not go with that.</exception>
    internal RunConfig Settled()
    {
        if (Data.SequenceLen is not null) return this;
        var model = InitFrom is { } name ? ModelConfig.Read(Path.Combine(ModelFolder.Find(name), "config.json"))
            : ModelConfig.FromKeys(Model, "model");
        var settled = this with { Data = Data with { SequenceLen = Math.Min(DataConfig.DefaultLength, model.ContextLength) } };
        foreach (var (key, message) in settled.Objective.Problems(settled.Data)) throw new ModelConfigException($"{key}: {message}");
        return settled;
    }

    internal StepGuard NewGuard(GuardState state) => new(SkipNonfiniteSteps, SkipGradNormSpikes, state);

    internal BestModel NewBest(BestState state) => new(state)
    {
        Metric = MetricForBestModel, Patience = EarlyStoppingPatience, Threshold = EarlyStoppingThreshold,
        GreaterIsBetter = GreaterIsBetter ?? !_lessIsBetter.Any(less => MetricForBestModel.Contains(less, StringComparison.Ordinal)),
    };

    private static readonly string[] _lessIsBetter = ["loss", "perplexity", "bits_per_byte"];

    /// <summary>How texts are written for scores; null: they are not.</summary>
    internal WritingOptions? Writing => PredictWithGenerate ? new(GenerationMaxLength, GenerationNumBeams) : null;

    /// <inheritdoc/>
    public IEnumerable<(string Key, string Message)> Validate()
    {
        if (InitFrom is null)
        {
            foreach (var (key, message) in ModelConfig.Problems(Model)) yield return ($"model.{key}".TrimEnd('.'), message);
            if (Lora is not null) yield return ("lora", "there are no weights to update: give `init_from`");
            if (Tokenizer is null or { Path: null, Train: null })
                yield return ("tokenizer", "is missing: give either `path` or `train`, or a model to begin from (`init_from`)");
        }
        foreach (var problem in Objective.Problems(Data)) yield return problem;
        if (MaxSteps is < -1 or 0) yield return ("max_steps", $"{MaxSteps}: give a number of steps, or -1 to go by num_train_epochs");
        foreach (var problem in OptimizationProblems()) yield return problem;
    }
}

/// <summary>When something is done.</summary>
public enum IntervalStrategy
{
    /// <summary>At the end alone.</summary>
    No,

    /// <summary>Every so many steps.</summary>
    Steps,

    /// <summary>After each pass over the data.</summary>
    Epoch,
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
