using System.ComponentModel.DataAnnotations;
using TransformerTorch.Configuration;
using TransformerTorch.Tensors;
using TransformerTorch.Training.Optimization;

namespace TransformerTorch.Training;

/// <content>Precision, optimizer and schedule.</content>
public sealed partial record RunConfig
{
    /// <summary>Mixed precision: matrix products in bfloat16, weights in float32.</summary>
    [KnownAs("mixed_precision", "precision", "amp")]
    public bool Bf16 { get; init; }

    /// <summary>Mixed precision in float16, with a scale for the loss that fits itself to the gradients.</summary>
    [KnownAs("float16")]
    public bool Fp16 { get; init; }

    /// <summary>Weights and gradients in bfloat16; the optimizer keeps the rest of their float32 values.</summary>
    [KnownAs("bfloat16", "torch_dtype", "dtype")]
    public bool PureBf16 { get; init; }

    /// <summary>On a GPU, float32 matrix products through TensorFloat-32.</summary>
    public bool Tf32 { get; init; }

    /// <summary>On a GPU, replays the passes of a step as one CUDA graph once their shapes have come three times in a row.</summary>
    public bool CudaGraphs { get; init; } = true;

    /// <summary>Blocks keep their input alone, and are computed again in the backward pass: less memory, a third more time.</summary>
    [KnownAs("activation_checkpointing", "gradient_checkpointing_kwargs")]
    public bool GradientCheckpointing { get; init; }

    /// <summary>Of every so many blocks, one is computed again where <c>gradient_checkpointing</c> is on.</summary>
    [Range(1, int.MaxValue)]
    public int CheckpointEvery { get; init; } = 1;

    /// <summary>The optimizer.</summary>
    [KnownAs("optimizer", "optimizer_type")]
    public OptimizerName Optim { get; init; } = OptimizerName.AdamwTorch;

    /// <summary>Settings of optimizers other than AdamW.</summary>
    public OptimizerArguments OptimArgs { get; init; } = new();

    /// <summary>The peak learning rate.</summary>
    [Range(0.0, 1e9)]
    public double LearningRate { get; init; } = 5e-5;

    /// <summary>How the rate goes on after warm-up.</summary>
    [KnownAs("lr_scheduler", "scheduler")]
    public LrSchedulerType LrSchedulerType { get; init; } = LrSchedulerType.Linear;

    /// <summary>Settings of single schedules.</summary>
    public LrSchedulerKwargs LrSchedulerKwargs { get; init; } = new();

    /// <summary>What a decay ends at, as a share of <c>learning_rate</c>.</summary>
    [Range(0.0, 1)]
    [KnownAs("cosine_min_lr_ratio", "min_lr_ratio", "min_lr")]
    public double MinLrRate { get; init; }

    /// <summary>Steps over which the rate rises from zero; below 1, a share of all steps.</summary>
    [Range(0.0, 1e9)]
    [KnownAs("warmup_ratio")]
    public double WarmupSteps { get; init; }

    /// <summary>Weight decay; decoupled in all optimizers but <c>sgd</c>.</summary>
    [Range(0.0, 1e9)]
    public double WeightDecay { get; init; }

    /// <summary>What does not decay.</summary>
    public IReadOnlyList<NoDecay> NoDecay { get; init; } = [Optimization.NoDecay.Norms, Optimization.NoDecay.Biases];

    /// <summary>Each layer's learning rate is that of the layer above it, times this.</summary>
    [Range(0.0, 1, MinimumIsExclusive = true)]
    [KnownAs("llrd", "layerwise_lr_decay")]
    public double LayerLrDecay { get; init; } = 1;

    /// <summary>Other learning rates and decays, by patterns of parameters' names.</summary>
    public IReadOnlyList<LearningRateGroup> LrGroups { get; init; } = [];

    /// <summary>Regular expressions: parameters whose names hold one are not trained.</summary>
    [KnownAs("freeze", "frozen")]
    public IReadOnlyList<string> FrozenParameters { get; init; } = [];

    /// <summary>Regular expressions: where there are any, only parameters whose names hold one are trained.</summary>
    public IReadOnlyList<string> UnfrozenParameters { get; init; } = [];

    /// <summary>AdamW's and Lion's first beta: of the mean of gradients.</summary>
    [Range(0.0, 1, MaximumIsExclusive = true)]
    public double AdamBeta1 { get; init; } = 0.9;

    /// <summary>AdamW's second beta, of the mean of squared gradients; Lion's, of its momentum.</summary>
    [Range(0.0, 1, MaximumIsExclusive = true)]
    public double AdamBeta2 { get; init; } = 0.999;

    /// <summary>AdamW's epsilon.</summary>
    [Range(0.0, 1, MinimumIsExclusive = true)]
    public double AdamEpsilon { get; init; } = 1e-8;

    /// <summary>Gradients of a greater norm are scaled down to it; 0 turns clipping off.</summary>
    [Range(0.0, 1e9)]
    [KnownAs("gradient_clipping", "gradient_clip_val", "grad_clip")]
    public double MaxGradNorm { get; init; } = 1;

    /// <summary>Every element of a gradient is clipped to this, either way; 0: not.</summary>
    [Range(0.0, 1e9)]
    public double MaxGradValue { get; init; }

    /// <summary>The decay of an average of the weights that is evaluated and exported in their place; 0: none is kept.</summary>
    [Range(0.0, 1, MaximumIsExclusive = true)]
    public double EmaDecay { get; init; }

    internal Precision Precision =>
        Bf16 ? Precision.Bf16 : Fp16 ? Precision.Fp16 : PureBf16 ? Precision.PureBf16 : Precision.Fp32;

    internal UpdateRule UpdateRule => Optim switch
    {
        OptimizerName.Lion => new Lion { Options = new() { Beta1 = AdamBeta1, Beta2 = AdamBeta2 } },
        OptimizerName.Sgd => new Sgd
        {
            Options = new() { Momentum = OptimArgs.Momentum, Dampening = OptimArgs.Dampening, Nesterov = OptimArgs.Nesterov },
        },
        OptimizerName.Adafactor => new Adafactor
        {
            Options = new()
            {
                ClipThreshold = OptimArgs.ClipThreshold, DecayRate = OptimArgs.DecayRate, ScaleParameter = OptimArgs.ScaleParameter,
                RelativeStep = OptimArgs.RelativeStep, WarmupInit = OptimArgs.WarmupInit,
            },
        },
        _ => new AdamW { Options = new() { Beta1 = AdamBeta1, Beta2 = AdamBeta2, Epsilon = AdamEpsilon } },
    };

    internal ParameterRules ParameterRules => new()
    {
        WeightDecay = WeightDecay, Without = NoDecay, LayerDecay = LayerLrDecay, Frozen = FrozenParameters, Unfrozen = UnfrozenParameters,
        Overrides = [.. LrGroups.SelectMany(group => group.Modules.Select(pattern => new ParameterOverride(pattern)
        {
            Rate = group.Lr is { } rate ? rate / LearningRate : null, WeightDecay = group.WeightDecay,
        }))],
    };

    internal LearningRate Schedule(int total) =>
        new(LearningRate, Steps(WarmupSteps, total), total, LrSchedulerType)
        {
            MinimumRate = MinLrRate, Options = LrSchedulerKwargs,
        };

    private IEnumerable<(string Key, string Message)> OptimizationProblems()
    {
        if (new[] { Bf16, Fp16, PureBf16 }.Count(chosen => chosen) > 1)
            yield return (Fp16 ? "fp16" : "pure_bf16", "choose one of bf16, fp16 and pure_bf16");
        if (MaxSteps > 0 && WarmupSteps > MaxSteps)
            yield return ("warmup_steps", $"warm-up over {WarmupSteps} steps does not end within max_steps: {MaxSteps}");
        if (MinLrRate > 0 && LrSchedulerType is not (LrSchedulerType.Linear or LrSchedulerType.Cosine
            or LrSchedulerType.CosineWithRestarts or LrSchedulerType.WarmupStableDecay))
            yield return ("min_lr_rate", "this schedule has no such end; choose `lr_scheduler_type: cosine` or `linear`");
        if (LrSchedulerType == LrSchedulerType.Polynomial && LrSchedulerKwargs.LrEnd >= LearningRate)
            yield return ("lr_scheduler_kwargs.lr_end", $"{LrSchedulerKwargs.LrEnd} is not below learning_rate: {LearningRate}");
        if (OptimArgs.Nesterov && (OptimArgs.Momentum == 0 || OptimArgs.Dampening != 0))
            yield return ("optim_args.nesterov", "Nesterov's step needs a momentum and no dampening");
        if (LearningRate == 0 && LrGroups.Count > 0) yield return ("lr_groups", "their rates follow learning_rate, which is 0");
    }
}

/// <summary>The optimizers, under Transformers' names.</summary>
public enum OptimizerName
{
    /// <summary>AdamW.</summary>
    AdamwTorch,

    /// <summary>AdamW as well: it is fused in any case.</summary>
    AdamwTorchFused,

    /// <summary>Adafactor, which keeps a row and a column for a matrix.</summary>
    Adafactor,

    /// <summary>Lion, which keeps a momentum and steps by its sign.</summary>
    Lion,

    /// <summary>Stochastic gradient descent.</summary>
    Sgd,
}

/// <summary>Settings of optimizers other than AdamW.</summary>
public sealed record OptimizerArguments
{
    /// <summary><c>sgd</c>: the decay of the momentum; 0: none.</summary>
    [Range(0.0, 1)]
    public double Momentum { get; init; }

    /// <summary><c>sgd</c>: the share of a gradient that is kept out of the momentum.</summary>
    [Range(0.0, 1)]
    public double Dampening { get; init; }

    /// <summary><c>sgd</c>: Nesterov's momentum.</summary>
    public bool Nesterov { get; init; }

    /// <summary><c>adafactor</c>: a step of a greater root mean square is scaled down to it.</summary>
    [Range(0.0, 1e9, MinimumIsExclusive = true)]
    public double ClipThreshold { get; init; } = 1;

    /// <summary><c>adafactor</c>: the means' decay at step t is 1 - t to this.</summary>
    [Range(-1.0, 0)]
    public double DecayRate { get; init; } = -0.8;

    /// <summary><c>adafactor</c>: the rate is relative to the parameter's size.</summary>
    public bool ScaleParameter { get; init; }

    /// <summary><c>adafactor</c>: the smaller of 0.01 and one over the root of the step in the place of <c>learning_rate</c>.</summary>
    public bool RelativeStep { get; init; }

    /// <summary><c>adafactor</c>: such a rate begins with a warm-up.</summary>
    public bool WarmupInit { get; init; }
}

/// <summary>Parameters with another learning rate or decay.</summary>
public sealed record LearningRateGroup : IValidated
{
    /// <summary>Regular expressions, looked for in parameters' published names.</summary>
    public required IReadOnlyList<string> Modules { get; init; }

    /// <summary>Their peak learning rate; the run's where not given.</summary>
    [Range(0.0, 1e9)]
    public double? Lr { get; init; }

    /// <summary>Their weight decay; the run's where not given.</summary>
    [Range(0.0, 1e9)]
    public double? WeightDecay { get; init; }

    /// <inheritdoc/>
    public IEnumerable<(string Key, string Message)> Validate()
    {
        if (Modules.Count == 0) yield return ("modules", "name at least one pattern");
        if (Lr is null && WeightDecay is null) yield return ("lr", "give another `lr`, another `weight_decay`, or both");
    }
}
