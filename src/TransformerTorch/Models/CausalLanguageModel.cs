using TorchSharp;
using TorchSharp.Utils;
using TransformerTorch.Layers;
using TransformerTorch.Tensors;
using static TorchSharp.torch;
using Linear = TransformerTorch.Layers.Linear;

namespace TransformerTorch.Models;

/// <summary>
/// A decoder with an output projection over the vocabulary, its own or the token table (tied). Parameters carry our names;
/// <see cref="Names"/> relates them to the published ones.
/// </summary>
public sealed class CausalLanguageModel : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "decoder")] private readonly Decoder _decoder;
    [ComponentName(Name = "head")] private readonly Linear? _head;

    /// <summary>
    /// A model with memory but without values: load a checkpoint into it (<c>ModelFolder</c>) or call <see cref="Initialize"/>.
    /// </summary>
    public CausalLanguageModel(ModelConfig config) : base(nameof(CausalLanguageModel))
    {
        Config = config;
        _decoder = new Decoder(config.Decoder);
        _head = config.TieEmbeddings ? null : new Linear(config.Decoder.Embeddings.Width, config.VocabularySize, bias: false);
        RegisterComponents();
    }

    /// <summary>What it was built from.</summary>
    public ModelConfig Config { get; }

    /// <summary>Published names of its weights.</summary>
    public WeightNames Names => ModelCatalog.Family(Config.ModelType).Names(Config);

    /// <summary>The stack without the head.</summary>
    public Decoder Decoder => _decoder;

    /// <summary>The output projection (V, C).</summary>
    public Tensor HeadWeight => _head?.Weight ?? _decoder.TokenWeight;

    /// <summary>Gives the weights their first values, drawn from torch's default generator, and returns the model.</summary>
    public CausalLanguageModel Initialize()
    {
        Config.Initialization.Apply(this);
        return this;
    }

    /// <summary>Logits (B, T, V) of ids (B, T).</summary>
    public override Tensor forward(Tensor ids)
    {
        using var hidden = Hidden(ids);
        return Logits(hidden);
    }

    /// <summary>Hidden states (B, T, C) after the final norm.</summary>
    /// <param name="ids">(B, T) int64</param>
    /// <param name="mask">(B, T), 1 for a token and 0 for padding; none: all are tokens</param>
    /// <param name="cache">earlier positions, to which these are added</param>
    public Tensor Hidden(Tensor ids, Tensor? mask = null, KvCache? cache = null) => _decoder.Hidden(ids, mask, cache);

    /// <summary>Scores over the vocabulary: (..., C) to (..., V).</summary>
    public Tensor Logits(Tensor hidden) => Operators.Linear(hidden, HeadWeight, bias: null);

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

    /// <summary>As <see cref="LossSum"/> for targets that are shifted already: what position t predicts stands at t.</summary>
    /// <param name="hidden">(B, T, C)</param>
    /// <param name="targets">(B, T) int64, -100 ignored</param>
    /// <param name="options">smoothing, z-loss</param>
    public Tensor TargetLossSum(Tensor hidden, Tensor targets, CrossEntropyOptions? options = null)
    {
        using var scope = NewDisposeScope();
        var (B, T, C) = hidden.Dims3();
        var (rows, wanted) = (hidden.view(B * T, C), targets.reshape(B * T));
        return Operators.LinearCrossEntropy(rows, HeadWeight, bias: null, wanted, options).MoveToOuterDisposeScope();
    }

    /// <summary>Labels moved to the position that predicts them; the last predicts nothing.</summary>
    public static Tensor NextTokens(Tensor labels)
    {
        using var scope = NewDisposeScope();
        var (B, T) = labels.Dims2();
        return cat([labels.narrow(1, 1, T - 1), full([B, 1], -100L, ScalarType.Int64, labels.device)], 1).MoveToOuterDisposeScope();
    }
}
