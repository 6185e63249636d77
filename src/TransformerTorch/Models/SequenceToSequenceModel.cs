using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Models;

/// <summary>An encoder and a decoder that scores the vocabulary.</summary>
public sealed class SequenceToSequenceModel(ModelConfig config) : LanguageModel(nameof(SequenceToSequenceModel), config)
{
    /// <inheritdoc/>
    /// <remarks>The decoder reads the labels, moved on by one, unless the inputs say what it reads.</remarks>
    public override IReadOnlyList<LossTerm> Loss(ModelInputs inputs, ModelLabels labels)
    {
        if (inputs.DecoderIds is not null) return base.Loss(inputs, labels);
        using var read = Shifted(labels.Required);
        return base.Loss(inputs with { DecoderIds = read }, labels);
    }

    /// <inheritdoc cref="DecoderInput.Shifted"/>
    public Tensor Shifted(Tensor labels) => DecoderInput.Shifted(Config, labels);
}

/// <summary>What a decoder beside an encoder reads where nothing is said.</summary>
internal static class DecoderInput
{
    /// <summary>What it reads to predict ids (B, U): its start token, then all of them but the last, -100 as padding.</summary>
    /// <exception cref="ModelConfigException">The configuration names no start token.</exception>
    public static Tensor Shifted(ModelConfig config, Tensor ids)
    {
        using var scope = NewDisposeScope();
        var (B, U) = ids.Dims2();
        var padding = config.PaddingToken ?? config.DecoderStartToken ?? 0;
        var padded = ids.masked_fill(ids.eq(-100), padding);
        var start = config.StartsWithLastToken ? padded.gather(1, padded.ne(padding).sum(1, keepdim: true) - 1)
            : full([B, 1], (long)Start(config), ScalarType.Int64, ids.device);
        return cat([start, padded.narrow(1, 0, U - 1)], 1).MoveToOuterDisposeScope();
    }

    /// <summary>The token that it begins with.</summary>
    /// <exception cref="ModelConfigException">The configuration names none.</exception>
    public static int Start(ModelConfig config)
        => config.DecoderStartToken ?? throw new ModelConfigException($"{config.ModelType}: decoder_start_token_id is missing");
}
