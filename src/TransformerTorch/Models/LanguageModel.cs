using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Models;

/// <summary>A backbone that scores the vocabulary at every position.</summary>
public abstract class LanguageModel : HeadedModel
{
    private protected LanguageModel(string name, ModelConfig config) : base(name, config) { }

    /// <summary>The output projection (V, C).</summary>
    public Tensor HeadWeight => Head.Weight;

    /// <summary>Scores over the vocabulary: (..., C) to (..., V).</summary>
    public Tensor Logits(Tensor hidden) => Head.call(hidden);

    /// <summary>Scores over the vocabulary at every position: (B, T, V).</summary>
    public Tensor Logits(ModelInputs inputs)
    {
        using var hidden = Hidden(inputs);
        return Logits(hidden);
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> forward(ModelInputs inputs)
        => new Dictionary<string, Tensor> { ["logits"] = Logits(inputs) };

    /// <summary>The sum of cross-entropies, a float32 scalar: what position t predicts stands at t.</summary>
    /// <param name="hidden">(B, T, C)</param>
    /// <param name="targets">(B, T) int64, -100 ignored</param>
    /// <param name="options">smoothing, z-loss</param>
    public Tensor TargetLossSum(Tensor hidden, Tensor targets, CrossEntropyOptions? options = null)
        => Head.LossSum(hidden, targets, options);

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Loss(ModelInputs inputs, ModelLabels labels)
    {
        using var scope = NewDisposeScope();
        var targets = labels.Shifted ?? Targets(inputs, labels.Required);
        var sum = TargetLossSum(Hidden(inputs), targets, labels.Scoring);
        return [new("cross_entropy", sum.MoveToOuterDisposeScope(), Count(targets).MoveToOuterDisposeScope())];
    }

    /// <summary>Labels as they are given, moved to where they are predicted.</summary>
    private protected virtual Tensor Targets(ModelInputs inputs, Tensor labels) => labels;
}

/// <summary>An encoder that scores the vocabulary where tokens are masked out (Devlin et al., 2019).</summary>
public sealed class MaskedLanguageModel(ModelConfig config) : LanguageModel(nameof(MaskedLanguageModel), config);
