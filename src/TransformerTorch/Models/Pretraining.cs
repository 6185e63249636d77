using TorchSharp.Utils;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace TransformerTorch.Models;

/// <summary>Masked tokens, and whether the second segment follows the first (Devlin et al., 2019).</summary>
public sealed class PretrainingModel : PretrainedModel
{
    [ComponentName(Name = "head")] private readonly Head _head;
    [ComponentName(Name = "next_sentence")] private readonly Head _nextSentence;

    /// <summary>A model with memory but without values.</summary>
    public PretrainingModel(ModelConfig config) : base(nameof(PretrainingModel), config)
    {
        (_head, _nextSentence) = (NewHead(config.Head), NewHead(config.SecondHead));
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> forward(ModelInputs inputs)
    {
        using var scope = NewDisposeScope();
        var hidden = Hidden(inputs);
        return new Dictionary<string, Tensor>
        {
            ["prediction_logits"] = _head.call(hidden).MoveToOuterDisposeScope(),
            ["seq_relationship_logits"] = _nextSentence.call(hidden.select(1, 0)).MoveToOuterDisposeScope(),
        };
    }

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Loss(ModelInputs inputs, ModelLabels labels)
    {
        using var scope = NewDisposeScope();
        var hidden = Hidden(inputs);
        var tokens = new LossTerm("masked_lm", _head.LossSum(hidden, labels.Required, labels.Scoring).MoveToOuterDisposeScope(),
            Count(labels.Required).MoveToOuterDisposeScope());
        if (labels.NextSentence is not { } next) return [tokens];
        var sum = F.cross_entropy(_nextSentence.call(hidden.select(1, 0)).to(ScalarType.Float32), next, reduction: nn.Reduction.Sum);
        return [tokens, new("next_sentence", sum.MoveToOuterDisposeScope(), Count(next).MoveToOuterDisposeScope())];
    }
}

/// <summary>Which tokens are not the text's own (Clark et al., 2020): a score for each, positive where replaced.</summary>
public sealed class ReplacedTokenDetector(ModelConfig config) : HeadedModel(nameof(ReplacedTokenDetector), config)
{
    /// <summary>Scores (B, T).</summary>
    public Tensor Logits(ModelInputs inputs)
    {
        using var scope = NewDisposeScope();
        return Head.call(Hidden(inputs)).squeeze(-1).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> forward(ModelInputs inputs)
        => new Dictionary<string, Tensor> { ["logits"] = Logits(inputs) };

    /// <inheritdoc/>
    /// <remarks>Labels are 1 where a token was replaced; padding does not count.</remarks>
    public override IReadOnlyList<LossTerm> Loss(ModelInputs inputs, ModelLabels labels)
    {
        using var scope = NewDisposeScope();
        var (logits, wanted) = (Logits(inputs).to(ScalarType.Float32), labels.Required.to(ScalarType.Float32));
        var counts = (inputs.Mask ?? ones_like(inputs.Ids)).to(ScalarType.Float32);
        var losses = F.binary_cross_entropy_with_logits(logits, wanted, reduction: nn.Reduction.None);
        return [new("replaced_tokens", (losses * counts).sum().MoveToOuterDisposeScope(), counts.sum().MoveToOuterDisposeScope())];
    }
}

/// <summary>The backbone alone, with the first token's features where the family has a pooler.</summary>
public sealed class BareModel : PretrainedModel
{
    [ComponentName(Name = "head")] private readonly Head? _pooler;

    /// <summary>A model with memory but without values.</summary>
    public BareModel(ModelConfig config) : base(nameof(BareModel), config)
    {
        _pooler = config.Head is { } head ? NewHead(head) : null;
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> forward(ModelInputs inputs)
    {
        using var scope = NewDisposeScope();
        var hidden = Hidden(inputs);
        var outputs = new Dictionary<string, Tensor> { ["last_hidden_state"] = hidden.MoveToOuterDisposeScope() };
        if (_pooler is not null) outputs["pooler_output"] = _pooler.call(hidden.select(1, 0)).MoveToOuterDisposeScope();
        return outputs;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Loss(ModelInputs inputs, ModelLabels labels)
        => throw new NotSupportedException("hidden states alone have no loss: choose a task");
}
