using Microsoft.Win32.SafeHandles;
using TorchSharp;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>Copies tensors from a file to memory: straight where type and layout agree, else through a buffer of bounded size.</summary>
internal static class TensorReader
{
    private const long BufferBytes = 8 << 20;
    private const int ReadBytes = 4 << 20;

    /// <summary>Copies a tensor into one of any type, device and strides, whose elements come in the same order.</summary>
    /// <exception cref="EndOfStreamException">The file has been shortened since it was opened.</exception>
    public static void Copy(SafeFileHandle file, TensorEntry entry, Tensor target)
    {
        using var grad = no_grad();
        using var scope = NewDisposeScope();
        var type = entry.ScalarType;
        if (entry.Count == 0) return;
        if (entry.Strides is { } strides)
        {
            var elements = (entry.End - entry.Begin) * 8 / entry.Type.Bits;
            target.copy_(Range(file, entry, entry.Begin, [elements]).as_strided(entry.Shape, strides).reshape(target.shape));
            return;
        }
        entry = entry with { Shape = target.shape };
        if (!entry.BigEndian && target.device_type == DeviceType.CPU && target.dtype == type && target.is_contiguous())
            Fill(file, entry.Begin, target);
        else if (target.dim() == 2 && target.t().is_contiguous()) // libtorch transposes fast into a contiguous matrix only
            target.t().copy_(Range(file, entry, entry.Begin, entry.Shape).t());
        else
            CopyRows(file, entry, target);
    }

    private static void CopyRows(SafeFileHandle file, TensorEntry entry, Tensor target)
    {
        if (entry.Shape is []) (entry, target) = (entry with { Shape = [1] }, target.view(1));
        var rowBytes = entry.Bytes / entry.Shape[0];
        var most = Math.Max(1, BufferBytes / Math.Max(1, rowBytes));
        for (var row = 0L; row < entry.Shape[0]; row += most)
        {
            using var scope = NewDisposeScope();
            var rows = Math.Min(most, entry.Shape[0] - row);
            target.narrow(0, row, rows).copy_(Range(file, entry, entry.Begin + (row * rowBytes), [rows, .. entry.Shape[1..]]));
        }
    }

    private static Tensor Range(SafeFileHandle file, TensorEntry entry, long begin, long[] shape)
    {
        var buffer = empty(shape, entry.ScalarType);
        Fill(file, begin, buffer);
        if (entry.BigEndian) TensorBytes.Reverse(buffer);
        return buffer;
    }

    /// <summary>Reads a contiguous CPU tensor's bytes, several ranges at once: a disk answers many requests faster than one.</summary>
    private static void Fill(SafeFileHandle file, long begin, Tensor target)
    {
        var ranges = TensorBytes.Ranges(target, ReadBytes);
        if (ranges.Count == 1) Read(ranges[0]);
        else InParallel.ForEach(ranges, Read);

        void Read((long Offset, long First, long Count) range)
        {
            var bytes = TensorBytes.Of(target, range.First, range.Count);
            for (var at = begin + range.Offset; bytes.Length > 0;)
            {
                var read = RandomAccess.Read(file, bytes, at);
                if (read == 0) throw new EndOfStreamException($"the file has been shortened while it was read: it ends at byte {at}");
                at += read;
                bytes = bytes[read..];
            }
        }
    }
}
