using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Models;

/// <summary>An encoder and a decoder that scores the vocabulary.</summary>
public sealed class SequenceToSequenceModel(ModelConfig config) : LanguageModel(nameof(SequenceToSequenceModel), config)
{
    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> forward(ModelInputs inputs)
    {
        using var scope = NewDisposeScope();
        var memory = inputs.Memory ?? ((EncoderDecoder)Backbone).Encode(inputs);
        return new Dictionary<string, Tensor>
        {
            ["logits"] = Logits(inputs with { Memory = memory }).MoveToOuterDisposeScope(),
            ["encoder_last_hidden_state"] = memory.MoveToOuterDisposeScope(),
        };
    }

    /// <inheritdoc/>
    /// <remarks>The decoder reads the labels, moved on by one, unless the inputs say what it reads.</remarks>
    public override IReadOnlyList<LossTerm> Loss(ModelInputs inputs, ModelLabels labels)
    {
        if (inputs.DecoderIds is not null) return base.Loss(inputs, labels);
        using var read = Shifted(labels.Required);
        return base.Loss(inputs with { DecoderIds = read }, labels);
    }

    /// <summary>What the decoder reads to predict labels (B, U): its start token, then all labels but the last, -100 as padding.</summary>
    public Tensor Shifted(Tensor labels)
    {
        using var scope = NewDisposeScope();
        var (B, U) = labels.Dims2();
        var start = Config.DecoderStartToken ?? throw new ModelConfigException($"{Config.ModelType}: decoder_start_token_id is missing");
        var padded = labels.masked_fill(labels.eq(-100), Config.PaddingToken ?? start);
        return cat([full([B, 1], (long)start, ScalarType.Int64, labels.device), padded.narrow(1, 0, U - 1)], 1).MoveToOuterDisposeScope();
    }
}
