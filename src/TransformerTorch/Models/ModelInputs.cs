using TransformerTorch.Layers;
using static TorchSharp.torch;

namespace TransformerTorch.Models;

/// <summary>What a model reads. All are int64 tensors on the model's device.</summary>
public sealed record ModelInputs
{
    /// <summary>(B, T) token ids; those of the encoder where there is one.</summary>
    public required Tensor Ids { get; init; }

    /// <summary>(B, T), 1 for a token and 0 for padding, at either end; null: all are tokens.</summary>
    public Tensor? Mask { get; init; }

    /// <summary>(B, T) the segment (sentence A or B) of each token; null: all the first.</summary>
    public Tensor? Segments { get; init; }

    /// <summary>(B, T) positions; null: as the model counts them.</summary>
    public Tensor? Positions { get; init; }

    /// <summary>(B, T) the document of each token where several are packed into a row; each sees itself alone.</summary>
    public Tensor? Documents { get; init; }

    /// <summary>(B) how many tokens at the beginning of a causal model's row see each other both ways.</summary>
    public Tensor? Prefix { get; init; }

    /// <summary>(B, U) ids that the decoder beside an encoder reads; null: the encoder's, moved on by one.</summary>
    public Tensor? DecoderIds { get; init; }

    /// <summary>(B, U) as <see cref="Mask"/>, for <see cref="DecoderIds"/>.</summary>
    public Tensor? DecoderMask { get; init; }

    /// <summary>
    /// (B, U) as <see cref="Documents"/>, for <see cref="DecoderIds"/>: a document reads what the encoder made of that of its number.
    /// </summary>
    public Tensor? DecoderDocuments { get; init; }

    /// <summary>(B, T, C) what an encoder made of <see cref="Ids"/> before; null: it is to be run.</summary>
    public Tensor? Memory { get; init; }

    /// <summary>(B, S) as <see cref="Mask"/>, for <see cref="Memory"/>; set by the stack's owner.</summary>
    internal Tensor? MemoryMask { get; init; }

    /// <summary>(B, S) as <see cref="Documents"/>, for <see cref="Memory"/>; set by the stack's owner.</summary>
    internal Tensor? MemoryDocuments { get; init; }

    /// <summary>Earlier positions of the decoder, to which these are added.</summary>
    public KvCache? Cache { get; init; }

    /// <summary>
    /// The sequences whose new tokens <see cref="Ids"/> (1, N) packs, for a decoder that continues them; null: rows are sequences.
    /// </summary>
    public PagedBatch? Pages { get; init; }

    /// <summary>
    /// Is given each layer's result by its published name ("hidden_states": the embeddings, then what each block gives, the last one
    /// after the final norm; "attentions"; "router_logits"; beside an encoder with "encoder_" or "decoder_" before it). Not kept by the
    /// model.
    /// </summary>
    public Action<string, Tensor>? Trace { get; init; }

    /// <summary>Attention weights are computed, and traced, only if asked for.</summary>
    public bool TraceAttention { get; init; }
}
