using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>A tensor in pieces whose bytes fit a span, however large it is.</summary>
internal static class TensorBytes
{
    private const long MostElements = 1 << 26;

    /// <summary>
    /// Flat views of a contiguous CPU tensor with the byte that each begins at. A piece is good until the next is asked for.
    /// </summary>
    public static IEnumerable<(long Offset, Tensor Piece)> Pieces(Tensor tensor)
    {
        using var flat = tensor.view(-1);
        var count = flat.numel();
        for (var at = 0L; at < count; at += MostElements)
        {
            using var piece = flat.narrow(0, at, Math.Min(MostElements, count - at));
            yield return (at * flat.element_size(), piece);
        }
    }
}
