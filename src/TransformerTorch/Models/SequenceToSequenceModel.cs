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
        using var read = DecoderInput.Shifted(Config, labels.Required, inputs.DecoderDocuments);
        return base.Loss(inputs with { DecoderIds = read }, labels);
    }

    /// <inheritdoc cref="DecoderInput.Shifted"/>
    public Tensor Shifted(Tensor labels) => DecoderInput.Shifted(Config, labels);
}

/// <summary>What a decoder beside an encoder reads where nothing is said.</summary>
internal static class DecoderInput
{
    /// <summary>What it reads to predict ids (B, U): its start token, then all of them but the last, -100 as padding.</summary>
    /// <param name="config">of the model</param>
    /// <param name="ids">(B, U) what it is to write</param>
    /// <param name="documents">(B, U) the document of each, which begins with a start token of its own; none: a row is one</param>
    /// <exception cref="ModelConfigException">The configuration names no start token.</exception>
    /// <exception cref="NotSupportedException">Documents of a model that begins with a text's last token.</exception>
    public static Tensor Shifted(ModelConfig config, Tensor ids, Tensor? documents = null)
    {
        using var scope = NewDisposeScope();
        var (B, U) = ids.Dims2();
        var padding = config.PaddingToken ?? config.DecoderStartToken ?? 0;
        var padded = ids.masked_fill(ids.eq(-100), padding);
        var start = config.StartsWithLastToken ? padded.gather(1, padded.ne(padding).sum(1, keepdim: true) - 1)
            : full([B, 1], (long)Start(config), ScalarType.Int64, ids.device);
        var moved = cat([start, padded.narrow(1, 0, U - 1)], 1);
        if (documents is null) return moved.MoveToOuterDisposeScope();
        if (config.StartsWithLastToken) throw new NotSupportedException("texts that begin with their last token cannot share a row");
        var begins = documents.narrow(1, 1, U - 1).ne(documents.narrow(1, 0, U - 1)); // (B, U - 1)
        moved.narrow(1, 1, U - 1).masked_fill_(begins, (long)Start(config));
        return moved.MoveToOuterDisposeScope();
    }

    /// <summary>The token that it begins with.</summary>
    /// <exception cref="ModelConfigException">The configuration names none.</exception>
    public static int Start(ModelConfig config)
        => config.DecoderStartToken ?? throw new ModelConfigException($"{config.ModelType}: decoder_start_token_id is missing");
}
