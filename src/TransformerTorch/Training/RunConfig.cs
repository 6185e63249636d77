using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using TransformerTorch.Configuration;
using TransformerTorch.Data;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
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
    [KnownAs("base_model", "model_name_or_path", "model_name")]
    public string? InitFrom { get; init; }

    /// <summary>Trains low-rank updates in place of the weights of `init_from`.</summary>
    [KnownAs("adapter", "peft_config", "use_peft")]
    public LoraConfig? Lora { get; init; }

    /// <summary>The tokenizer: a path, or how to train one; that of `init_from` where nothing is said.</summary>
    public TokenizerConfig? Tokenizer { get; init; }

    /// <summary>What to learn from.</summary>
    [KnownAs("datasets", "dataset", "dataset_name")]
    public required DataConfig Data { get; init; }

    /// <summary>What to learn: the next token where it is not given.</summary>
    public ObjectiveConfig Objective { get; init; } = new CausalLanguageModelingConfig();

    /// <summary>Seeds initial weights, dropout and the order of the data.</summary>
    [KnownAs("data_seed", "random_seed")]
    public long Seed { get; init; } = 42;

    /// <summary>Where to compute: <c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    [KnownAs("use_cpu", "no_cuda", "device_map")]
    public string Device { get; init; } = "auto";

    /// <summary>Optimizer steps in all; -1 leaves it to <c>num_train_epochs</c>.</summary>
    public int MaxSteps { get; init; } = -1;

    /// <summary>Passes over the training data, where <c>max_steps</c> is not given.</summary>
    [Range(0.0, 1e9, MinimumIsExclusive = true)]
    [KnownAs("num_epochs", "epochs")]
    public double NumTrainEpochs { get; init; } = 3;

    /// <summary>Sequences of one forward pass.</summary>
    [Range(1, int.MaxValue)]
    [KnownAs("micro_batch_size", "batch_size", "train_batch_size")]
    public int PerDeviceTrainBatchSize { get; init; } = 8;

    /// <summary>Sequences of one forward pass in evaluation.</summary>
    [Range(1, int.MaxValue)]
    [KnownAs("eval_batch_size")]
    public int PerDeviceEvalBatchSize { get; init; } = 8;

    /// <summary>Forward and backward passes of one step.</summary>
    [Range(1, int.MaxValue)]
    [KnownAs("accumulate_grad_batches", "grad_accumulation_steps")]
    public int GradientAccumulationSteps { get; init; } = 1;

    /// <summary>Steps between lines of metrics; below 1, a share of all steps.</summary>
    [Range(0.0, int.MaxValue, MinimumIsExclusive = true)]
    public double LoggingSteps { get; init; } = 10;

    /// <summary>On a lack of memory, halves the sequences of a pass until they fit; a step stays as it is.</summary>
    public bool AutoFindBatchSize { get; init; }

    /// <summary>Steps in a row that may be skipped because a loss or gradient is not finite; the next one stops training.</summary>
    [Range(0, int.MaxValue)]
    public int SkipNonfiniteSteps { get; init; }

    /// <summary>Skips a step whose gradient norm is more than so many times the usual one; 0 skips none.</summary>
    [Range(0.0, 1e9)]
    public double SkipGradNormSpikes { get; init; }

    /// <summary>When the held-out data are evaluated: every so many steps, after each pass over the data, or at the end alone.</summary>
    [KnownAs("evals_per_epoch", "evaluation_strategy")]
    public IntervalStrategy EvalStrategy { get; init; } = IntervalStrategy.Steps;

    /// <summary>Steps between evaluations; below 1, a share of all steps; 0 evaluates at the end alone.</summary>
    [Range(0.0, int.MaxValue)]
    public double EvalSteps { get; init; } = 500;

    /// <summary>
    /// Windows of the held-out data that an evaluation takes; 0 takes all. The last one takes all, unless evaluations are compared
    /// (`load_best_model_at_end`, `early_stopping_patience`).
    /// </summary>
    [Range(0, int.MaxValue)]
    [KnownAs("max_eval_samples")]
    public int EvalSamples { get; init; }

    /// <summary>When checkpoints are written: every so many steps, after each pass over the data, or at the end alone.</summary>
    [KnownAs("saves_per_epoch")]
    public IntervalStrategy SaveStrategy { get; init; } = IntervalStrategy.Steps;

    /// <summary>Steps between checkpoints; below 1, a share of all steps; 0 writes one at the end or when interrupted.</summary>
    [Range(0.0, int.MaxValue)]
    public double SaveSteps { get; init; } = 500;

    /// <summary>Checkpoints kept, the newest; 0 keeps all.</summary>
    [Range(0, int.MaxValue)]
    public int SaveTotalLimit { get; init; } = 2;

    /// <summary>Exports the weights of the best evaluation; its checkpoint is written and kept.</summary>
    public bool LoadBestModelAtEnd { get; init; }

    /// <summary>
    /// What the best is measured by: a name in an evaluation's line of <c>metrics.jsonl</c>, with or without <c>eval_</c>.
    /// </summary>
    public string MetricForBestModel { get; init; } = "loss";

    /// <summary>Whether more of that is better; where not given, it is for everything but losses, errors and perplexity.</summary>
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

    // So many steps, or a share of all.
    internal static int Steps(double given, int total) => given < 1 ? (int)Math.Ceiling(given * total) : (int)given;

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

    /// <summary>Windows of the last evaluation: as many as the others took, where it is held against them.</summary>
    internal int LastEvalSamples => LoadBestModelAtEnd || EarlyStoppingPatience > 0 ? EvalSamples : 0;

    internal BestModel NewBest(BestState state) => new(state)
    {
        Metric = MetricForBestModel, Patience = EarlyStoppingPatience, Threshold = EarlyStoppingThreshold,
        GreaterIsBetter = GreaterIsBetter ?? !_lessIsBetter.Any(less => MetricForBestModel.Contains(less, StringComparison.Ordinal)),
    };

    private static readonly string[] _lessIsBetter = ["loss", "perplexity", "bits_per_byte", "mse"];

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
        if (Lora is not null && Objective is ReplacedTokenDetectionConfig)
            yield return ("lora", "the generator beside is trained whole, and an adapter has no place for it; remove `lora`");
        foreach (var problem in Objective.Problems(Data)) yield return problem;
        if (!Devices.IsName(Device)) yield return ("device", $"`{Device}` is no device: expected `auto`, `cpu`, `cuda` or `cuda:N`");
        if (MaxSteps is < -1 or 0) yield return ("max_steps", $"{MaxSteps}: give a number of steps, or -1 to go by num_train_epochs");
        foreach (var problem in EvaluationProblems()) yield return problem;
        foreach (var (key, steps) in (IEnumerable<(string, double)>)
            [("logging_steps", LoggingSteps), ("eval_steps", EvalSteps), ("save_steps", SaveSteps), ("warmup_steps", WarmupSteps)])
            if (steps > 1 && steps != Math.Floor(steps))
                yield return (key, $"{steps} is neither a number of steps nor, below 1, a share of all");
        foreach (var problem in OptimizationProblems()) yield return problem;
    }

    // What would be passed over in silence.
    private IEnumerable<(string Key, string Message)> EvaluationProblems()
    {
        if ((LoadBestModelAtEnd || EarlyStoppingPatience > 0) && !Data.HoldsOut)
            yield return ("data.val_set_size", "nothing is held out to tell the best model by: raise it, or give `val_files`");
        var once = EvalStrategy == IntervalStrategy.No || (EvalStrategy == IntervalStrategy.Steps && EvalSteps == 0);
        if (EarlyStoppingPatience > 0 && once)
            yield return ("early_stopping_patience", "there is no evaluation before the end: give `eval_steps` or `eval_strategy: epoch`");
        if (Sample.Prompts.Count > 0 && Objective.Task != ModelTask.CausalLanguageModel)
            yield return ("sample.prompts", "only models that go on with a text write samples");
        if (PredictWithGenerate && Objective.Task != ModelTask.SequenceToSequence)
            yield return ("predict_with_generate", "only models that write texts from texts do so in evaluation");
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
