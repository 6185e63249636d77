using TransformerTorch.Layers;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Models;

/// <summary>A decoder with a projection over the vocabulary, its own or the token table (tied).</summary>
public sealed class CausalLanguageModel : LanguageModel
{
    /// <summary>A model with memory but without values.</summary>
    public CausalLanguageModel(ModelConfig config) : base(nameof(CausalLanguageModel), config) { }

    /// <summary>Gives the weights their first values, drawn from torch's default generator, and returns the model.</summary>
    public CausalLanguageModel Initialize()
    {
        InitializeWeights();
        return this;
    }

    /// <summary>Hidden states (B, T, C) after the final norm.</summary>
    /// <param name="ids">(B, T) int64</param>
    /// <param name="mask">(B, T), 1 for a token and 0 for padding; none: all are tokens</param>
    /// <param name="cache">earlier positions, to which these are added</param>
    public Tensor Hidden(Tensor ids, Tensor? mask = null, KvCache? cache = null)
        => Backbone.Hidden(new ModelInputs { Ids = ids, Mask = mask, Cache = cache });

    /// <summary>
    /// The sum of next-token cross-entropies, a float32 scalar. Labels stand where their token stands, as published libraries have it:
    /// what position t predicts is the label at t + 1. Divide by the count of labels other than -100 after the first column.
    /// </summary>
    /// <param name="ids">(B, T) int64</param>
    /// <param name="labels">(B, T) int64, -100 where a token is not to be predicted</param>
    /// <param name="mask">as for <see cref="Hidden"/></param>
    public Tensor LossSum(Tensor ids, Tensor labels, Tensor? mask = null)
    {
        using var scope = NewDisposeScope();
        return TargetLossSum(Hidden(ids, mask), NextTokens(labels)).MoveToOuterDisposeScope();
    }

    /// <summary>Labels moved to the position that predicts them; the last predicts nothing.</summary>
    public static Tensor NextTokens(Tensor labels)
    {
        using var scope = NewDisposeScope();
        var (B, T) = labels.Dims2();
        return cat([labels.narrow(1, 1, T - 1), full([B, 1], -100L, ScalarType.Int64, labels.device)], 1).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> forward(ModelInputs inputs)
    {
        using var balance = RouterBalance.Of(Config);
        if (balance is null) return base.forward(inputs);
        var outputs = base.forward(balance.Watch(inputs));
        return new Dictionary<string, Tensor>(outputs) { ["aux_loss"] = balance.Loss(inputs.Mask) };
    }

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Loss(ModelInputs inputs, ModelLabels labels)
    {
        using var balance = RouterBalance.Of(Config);
        if (balance is null) return base.Loss(inputs, labels);
        var terms = base.Loss(balance.Watch(inputs), labels);
        var (loss, tokens) = (balance.Loss(inputs.Mask), tensor(inputs.Mask?.sum().item<long>() ?? inputs.Ids.numel()));
        using (loss) return [.. terms, new("router_balance", loss * tokens, tokens, Config.RouterLoss)];
    }

    /// <inheritdoc/>
    private protected override Tensor Targets(ModelInputs inputs, Tensor labels) => NextTokens(labels);
}
