using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Models;

/// <summary>A backbone that scores every position: classes of tokens, or a vocabulary.</summary>
public abstract class TokenScorer : HeadedModel
{
    private protected TokenScorer(string name, ModelConfig config) : base(name, config) { }

    /// <summary>Scores at every position: (B, T, outputs).</summary>
    public Tensor Logits(ModelInputs inputs)
    {
        using var hidden = Hidden(inputs);
        return Head.call(hidden);
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> forward(ModelInputs inputs)
        => new Dictionary<string, Tensor> { ["logits"] = Logits(inputs) };

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Loss(ModelInputs inputs, ModelLabels labels)
    {
        using var scope = NewDisposeScope();
        var targets = labels.Shifted ?? Targets(inputs, labels.Required);
        var sum = Head.LossSum(Hidden(inputs), targets, labels.Scoring);
        return [new("cross_entropy", sum.MoveToOuterDisposeScope(), Count(targets).MoveToOuterDisposeScope())];
    }

    /// <summary>Labels as they are given, moved to where they are predicted.</summary>
    private protected virtual Tensor Targets(ModelInputs inputs, Tensor labels) => labels;
}

/// <summary>A backbone that scores the vocabulary at every position.</summary>
public abstract class LanguageModel : TokenScorer
{
    private protected LanguageModel(string name, ModelConfig config) : base(name, config) { }

    /// <summary>The output projection (V, C).</summary>
    public Tensor HeadWeight => Head.Weight;

    /// <summary>Scores over the vocabulary: (..., C) to (..., V).</summary>
    public Tensor Logits(Tensor hidden) => Head.call(hidden);

    /// <summary>The sum of cross-entropies, a float32 scalar: what position t predicts stands at t.</summary>
    /// <param name="hidden">(B, T, C)</param>
    /// <param name="targets">(B, T) int64, -100 ignored</param>
    /// <param name="options">smoothing, z-loss</param>
    public Tensor TargetLossSum(Tensor hidden, Tensor targets, CrossEntropyOptions? options = null)
        => Head.LossSum(hidden, targets, options);
}

/// <summary>An encoder that scores the vocabulary where tokens are masked out (Devlin et al., 2019).</summary>
public sealed class MaskedLanguageModel(ModelConfig config) : LanguageModel(nameof(MaskedLanguageModel), config);
