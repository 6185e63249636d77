using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using TorchSharp.Utils;
using TransformerTorch.Checkpoints;
using TransformerTorch.Data;
using TransformerTorch.Data.Collators;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Training.Objectives;

/// <summary>A small generator fills masks in, and the model tells which tokens it replaced (ELECTRA).</summary>
public sealed record ReplacedTokenDetectionConfig : ObjectiveConfig
{
    /// <summary>The field that is read.</summary>
    public string TextColumn { get; init; } = "text";

    /// <summary>What is hidden from the generator.</summary>
    public Masking Masking { get; init; } = new() { MaskReplaceProb = 0.85, RandomReplaceProb = 0 };

    /// <summary>The generator's width, heads and inner width as a share of the model's.</summary>
    [Range(0.0, 1, MinimumIsExclusive = true)]
    public double GeneratorSize { get; init; } = 0.25;

    /// <summary>Other keys in which the generator differs from <c>model</c>.</summary>
    public JsonObject Generator { get; init; } = [];

    /// <summary>The weight of the model's loss beside the generator's.</summary>
    [Range(0.0, 1e6)]
    public double DiscriminatorWeight { get; init; } = 50;

    /// <summary>Divides the generator's scores before it is sampled.</summary>
    [Range(0.0, 100, MinimumIsExclusive = true)]
    public double Temperature { get; init; } = 1;

    internal override ModelTask Task => ModelTask.ReplacedTokenDetection;

    internal override TokenizerStyle TokenizerStyle => TokenizerStyle.Bert;

    internal override PreparedObjective Prepare(ObjectiveContext context) => new(MaskedText.Recipe(context, TextColumn, Masking));

    internal override IObjective Build(JsonObject model)
    {
        var keys = (JsonObject)model.DeepClone();
        keys["architectures"] = new JsonArray(ModelCatalog.Family($"{model["model_type"]}").ClassName(ModelTask.MaskedLanguageModel));
        var large = ModelConfig.FromKeys(model, "model");
        var (width, heads) = (large.Main.Embeddings.Width, large.Main.Blocks[0].Attention.Heads);
        var table = large.Main.Embeddings is { Projection: not EmbeddingProjection.None } narrow ? narrow.TableWidth : width;
        keys["embedding_size"] = table;
        var fewer = Math.Max(1, (int)Math.Round(heads * GeneratorSize));
        keys["num_attention_heads"] = fewer;
        keys["hidden_size"] = width / heads * fewer;
        keys["intermediate_size"] = Math.Max(1, (int)Math.Round(large.Main.Blocks[0].FeedForward.HiddenSize * GeneratorSize));
        foreach (var (key, value) in Generator) keys[key] = value?.DeepClone();
        if (PretrainedModel.Create(large) is not ReplacedTokenDetector detector)
            throw new ModelConfigException($"model.architectures: {large.Task} is not a model that tells which tokens were replaced");
        return new ReplacedTokenDetection(
            new MaskedLanguageModel(ModelConfig.FromKeys(keys, "objective.generator")), detector, this with { });
    }

    /// <summary>Smoothing and z-loss of the generator.</summary>
    internal CrossEntropyOptions GeneratorScoring => Scoring;
}

/// <summary>
/// ELECTRA's pre-training (Clark et al., 2020): the generator learns to fill in, its samples replace what was masked, the detector learns
/// which tokens are not the text's own. Both share the tables of tokens, positions and segments.
/// </summary>
public sealed class ReplacedTokenDetection : nn.Module, IObjective
{
    /// <summary>The name, beside the detector's <c>logits</c>, of what they should tell: 1 where a token was replaced, (B, T).</summary>
    public const string Replaced = "replaced";

    private readonly ReplacedTokenDetectionConfig _options;
    [ComponentName(Name = "generator")] private readonly MaskedLanguageModel _generator;
    [ComponentName(Name = "detector")] private readonly ReplacedTokenDetector _detector;

    /// <summary>Ties the generator's embeddings to the detector's.</summary>
    public ReplacedTokenDetection(MaskedLanguageModel generator, ReplacedTokenDetector detector, ReplacedTokenDetectionConfig options)
        : base(nameof(ReplacedTokenDetection))
    {
        (_generator, _detector, _options) = (generator, detector, options);
        ((Stack)generator.Backbone).Embeddings.Tie(((Stack)detector.Backbone).Embeddings);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public nn.Module Model => this;

    /// <inheritdoc/>
    public IReadOnlyList<(string Folder, PretrainedModel Model)> Parts => [("", _detector), ("generator", _generator)];

    /// <inheritdoc/>
    public IReadOnlyList<LossTerm> Loss(DeviceBatch batch)
    {
        using var scope = NewDisposeScope();
        var (hidden, ids, labels) = Corrupt(batch);
        var scoring = training ? _options.GeneratorScoring : CrossEntropyOptions.Default;
        var generator = _generator.TargetLossSum(hidden, batch[Batch.Names.Labels], scoring);
        var detected = _detector.Loss(batch.Inputs with { Ids = ids }, new ModelLabels { Labels = labels })[0];
        return
        [
            new("generator", generator.MoveToOuterDisposeScope(), tensor(batch.Host.TargetCount).MoveToOuterDisposeScope()),
            detected with
            {
                Sum = detected.Sum.MoveToOuterDisposeScope(), Count = detected.Count.MoveToOuterDisposeScope(),
                Weight = _options.DiscriminatorWeight,
            },
        ];
    }

    /// <summary>What the detector says of a text that the generator filled in, and which tokens it replaced.</summary>
    public IReadOnlyDictionary<string, Tensor> Predict(DeviceBatch batch)
    {
        var (_, ids, replaced) = Corrupt(batch);
        return new Dictionary<string, Tensor>(_detector.call(batch.Inputs with { Ids = ids })) { [Replaced] = replaced };
    }

    // What the generator reads off the masked text; the text with its samples; which tokens of that are not the text's own.
    private (Tensor Hidden, Tensor Ids, Tensor Replaced) Corrupt(DeviceBatch batch)
    {
        var (inputs, masked) = (batch.Inputs, batch[Batch.Names.Labels]);
        var hidden = _generator.Backbone.Hidden(inputs);
        var original = where(masked.ne(-100), masked, inputs.Ids);
        var ids = Replace(batch, hidden, original);
        return (hidden, ids, ids.ne(original).to(ScalarType.Int64));
    }

    // Samples of the generator where tokens were masked, the others as they were: the largest of scores with Gumbel noise.
    private Tensor Replace(DeviceBatch batch, Tensor hidden, Tensor original)
    {
        using var grad = no_grad();
        using var scope = NewDisposeScope();
        var (_, _, C) = hidden.Dims3();
        var wanted = batch.Host[Batch.Names.Labels].Integers;
        var places = tensor([.. Enumerable.Range(0, wanted.Length).Where(i => wanted[i] != -100).Select(i => (long)i)])
            .to(hidden.device); // known here: no waiting for the device
        var scores = _generator.Logits(hidden.detach().view(-1, C).index_select(0, places)).to(ScalarType.Float32); // (M, V)
        var noise = -(-rand_like(scores).clamp_min(1e-9).log()).clamp_min(1e-9).log();
        var sampled = (scores / _options.Temperature + noise).argmax(-1); // (M)
        return original.view(-1).index_copy(0, places, sampled).view(original.shape).MoveToOuterDisposeScope();
    }
}
