using System.Buffers.Binary;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>The memory of a contiguous CPU tensor, in ranges that fit a span however large it is.</summary>
internal static class TensorBytes
{
    /// <summary>Ranges of about so many bytes, as the byte each begins at with its first element and its count.</summary>
    public static IReadOnlyList<(long Offset, long First, long Count)> Ranges(Tensor tensor, int bytes)
    {
        var (count, size) = (tensor.numel(), tensor.element_size());
        var step = Math.Max(1, bytes / size);
        var result = new List<(long, long, long)>();
        for (var first = 0L; first < count; first += step) result.Add((first * size, first, Math.Min(step, count - first)));
        return result;
    }

    /// <summary>The bytes of a range, good for as long as the tensor lives.</summary>
    public static Span<byte> Of(Tensor tensor, long first, long count)
    {
        using var plain = tensor.detach();
        using var flat = plain.view(-1);
        using var piece = flat.narrow(0, first, count);
        return piece.bytes;
    }

    /// <summary>Turns the order of the bytes in every number.</summary>
    public static void Reverse(Tensor tensor)
    {
        var size = tensor.element_size() / (tensor.is_complex() ? 2 : 1);
        foreach (var (_, first, count) in Ranges(tensor, 1 << 30))
        {
            var bytes = Of(tensor, first, count);
            if (size == 8) BinaryPrimitives.ReverseEndianness(bytes.As<ulong>(), bytes.As<ulong>());
            else if (size == 4) BinaryPrimitives.ReverseEndianness(bytes.As<uint>(), bytes.As<uint>());
            else if (size == 2) BinaryPrimitives.ReverseEndianness(bytes.As<ushort>(), bytes.As<ushort>());
        }
    }

    private static Span<T> As<T>(this Span<byte> bytes) where T : unmanaged => MemoryMarshal.Cast<byte, T>(bytes);
}
