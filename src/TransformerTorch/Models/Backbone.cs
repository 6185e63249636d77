using TransformerTorch.Layers;
using static TorchSharp.torch;

namespace TransformerTorch.Models;

/// <summary>
/// A model without a head: ids to hidden states. Put a head of your own on one, or take one of those here (<see cref="PretrainedModel"/>).
/// </summary>
public abstract class Backbone(string name) : nn.Module<Tensor, Tensor>(name)
{
    /// <summary>C, the width of its hidden states.</summary>
    public abstract int Width { get; }

    /// <summary>The token table (V, C), which a tied head shares.</summary>
    public abstract Tensor TokenWeight { get; }

    /// <summary>The last hidden states.</summary>
    /// <returns>(B, T, C), beside an encoder (B, U, C) of the decoder</returns>
    /// <exception cref="ArgumentException">More tokens than the model has learned positions.</exception>
    public abstract Tensor Hidden(ModelInputs inputs);

    /// <summary>Hidden states of ids alone: (B, T) int64 to (B, T, C).</summary>
    public override Tensor forward(Tensor ids) => Hidden(new ModelInputs { Ids = ids });

    /// <summary>An empty cache, where it continues texts.</summary>
    /// <exception cref="NotSupportedException">It reads whole texts.</exception>
    public virtual KvCache NewCache(long capacity) => throw new NotSupportedException("an encoder reads whole texts and has no cache");

    /// <summary>The backbone that a configuration describes.</summary>
    public static Backbone Create(ModelConfig config) => (config.Encoder, config.Decoder) switch
    {
        ({ } encoder, { } decoder) => new EncoderDecoder(encoder, decoder, config.SharedEmbeddings),
        ({ } encoder, null) => new Encoder(encoder),
        (null, { } decoder) => new Decoder(decoder),
        _ => throw new ModelConfigException($"{config.ModelType}: neither an encoder nor a decoder"),
    };
}
