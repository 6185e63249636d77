using TorchSharp.Utils;
using TransformerTorch.Layers;
using static TorchSharp.torch;
using Embedding = TransformerTorch.Layers.Embedding;

namespace TransformerTorch.Models;

/// <summary>An encoder and a decoder that reads what it makes (Vaswani et al., 2017); one token table may serve both.</summary>
public sealed class EncoderDecoder : Backbone
{
    [ComponentName(Name = "shared")] private readonly Embedding? _shared;
    [ComponentName(Name = "encoder")] private readonly Encoder _encoder;
    [ComponentName(Name = "decoder")] private readonly Decoder _decoder;

    /// <summary>Both stacks, with memory but without values.</summary>
    public EncoderDecoder(StackOptions encoder, StackOptions decoder, bool sharedEmbeddings = true) : base(nameof(EncoderDecoder))
    {
        var table = encoder.Embeddings;
        _shared = sharedEmbeddings ? new Embedding(table.VocabularySize, table.Width, table.PaddingToken) : null;
        (_encoder, _decoder) = (new Encoder(encoder, _shared), new Decoder(decoder, _shared));
        RegisterComponents();
    }

    /// <summary>The stack that reads the source.</summary>
    public Encoder Encoder => _encoder;

    /// <summary>The stack that writes.</summary>
    public Decoder Decoder => _decoder;

    /// <inheritdoc/>
    public override int Width => _decoder.Width;

    /// <summary>The decoder's token table.</summary>
    public override Tensor TokenWeight => _decoder.TokenWeight;

    /// <inheritdoc/>
    public override KvCache NewCache(long capacity) => _decoder.NewCache(capacity);

    /// <summary>What the encoder makes of the source: (B, T, C).</summary>
    public Tensor Encode(ModelInputs inputs) => _encoder.Hidden(inputs with { Cache = null, Trace = Prefixed(inputs.Trace, "encoder_") });

    /// <inheritdoc/>
    public override Tensor Hidden(ModelInputs inputs)
    {
        if (inputs.Documents is null != inputs.DecoderDocuments is null)
            throw new ArgumentException("documents are packed on both sides, or on neither");
        using var scope = NewDisposeScope();
        // A cache keeps what it made of the memory.
        var memory = inputs.Cache is { HoldsMemory: true } ? null : inputs.Memory ?? Encode(inputs);
        if (memory is not null) inputs.Trace?.Invoke("encoder_last_hidden_state", memory);
        return _decoder.Hidden(new ModelInputs
        {
            Ids = inputs.DecoderIds ?? throw new ArgumentException("the decoder has no ids to read"), Mask = inputs.DecoderMask,
            Documents = inputs.DecoderDocuments, Memory = memory, MemoryMask = inputs.Mask, MemoryDocuments = inputs.Documents,
            Cache = inputs.Cache, Trace = Prefixed(inputs.Trace, "decoder_"), TraceAttention = inputs.TraceAttention,
        }).MoveToOuterDisposeScope();
    }

    private static Action<string, Tensor>? Prefixed(Action<string, Tensor>? trace, string prefix)
        => trace is null ? null : (name, tensor) => trace(prefix + name, tensor);
}
