using TransformerTorch.Models;
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
}
