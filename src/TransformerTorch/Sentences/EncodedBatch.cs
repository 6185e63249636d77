using TorchSharp;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Text;
using static TorchSharp.torch;

namespace TransformerTorch.Sentences;

/// <summary>Encoded texts as a model reads several at once.</summary>
internal static class EncodedBatch
{
    /// <summary>
    /// Places of texts in batches of about as many tokens, padding included. The longest first, so that memory is claimed once; each batch
    /// holds texts of about one length.
    /// </summary>
    public static IEnumerable<int[]> Split(IReadOnlyList<Encoding> encodings, int tokens)
    {
        int[] order = [.. Enumerable.Range(0, encodings.Count).OrderByDescending(i => encodings[i].Count)];
        for (var at = 0; at < order.Length;)
        {
            var count = Math.Min(Math.Max(1, tokens / Math.Max(1, encodings[order[at]].Count)), order.Length - at);
            yield return order[at..(at += count)];
        }
    }

    /// <summary>Ids, segments, and a mask where some are filled up at the end to the longest.</summary>
    public static ModelInputs Inputs(PretrainedModel model, IReadOnlyList<Encoding> encodings)
    {
        var (B, T, device) = (encodings.Count, encodings.Max(e => e.Count), model.Backbone.TokenWeight.device);
        return new ModelInputs
        {
            Ids = Rows(e => e.Ids, model.Config.PaddingToken ?? 0),
            Mask = encodings.Any(e => e.Count < T) ? Rows(e => e.AttentionMask, 0) : null,
            Segments = model.Config.Main.Embeddings.Segments > 1 ? Rows(e => e.TypeIds, 0) : null,
        };

        Tensor Rows(Func<Encoding, int[]> of, int filler)
        {
            var values = encodings.SelectMany(e => of(e).Select(v => (long)v).Concat(Enumerable.Repeat((long)filler, T - e.Count)));
            return tensor([.. values], [B, T], device: device);
        }
    }

    /// <summary>
    /// The hidden states (B, T, C) of <see cref="Inputs"/>. Where rows are filled up, the tokens alone go through the model, packed into
    /// one row as documents that do not see each other, if its attention passes over what is hidden rather than computing it.
    /// </summary>
    public static Tensor Hidden(PretrainedModel model, ModelInputs inputs)
    {
        if (inputs is not { Mask: { } mask, Positions: null, Documents: null } || !CanPack(model))
            return model.Backbone.Hidden(inputs);
        using var scope = NewDisposeScope();
        var (B, T) = inputs.Ids.Dims2();
        var real = mask.flatten().nonzero().squeeze(1); // (N)
        var documents = arange(B, ScalarType.Int64).unsqueeze(1).expand(B, T);
        var packed = model.Backbone.Hidden(inputs with
        {
            Ids = Tokens(inputs.Ids), Segments = inputs.Segments is { } segments ? Tokens(segments) : null,
            Documents = Tokens(documents), Mask = null,
        }).squeeze(0); // (N, C)
        var hidden = zeros([B * T, packed.shape[1]], packed.dtype).index_copy_(0, real, packed);
        return hidden.view(B, T, -1).MoveToOuterDisposeScope();

        Tensor Tokens(Tensor rows) => rows.flatten().index_select(0, real).unsqueeze(0); // (1, N)
    }

    private static bool CanPack(PretrainedModel model)
        => model.Backbone.TokenWeight.device.type == DeviceType.CPU
            && model.Config is { Encoder: null } or { Decoder: null }
            && model.Config.Main is { RelativePositions: null, Convolution: null, Embeddings.DroppedToken: null }
            && AttentionKernel.Chosen(new AttentionArguments()) == AttentionKernelKind.Fused;
}
