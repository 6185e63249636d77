using System.Runtime.InteropServices;
using System.Text;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>Writes GGUF files, version 3 (ggml's docs/gguf.md).</summary>
public static class GgufWriter
{
    /// <summary>A tensor's data begin at a multiple of this.</summary>
    public const int Alignment = 32;

    private const int RowsBytes = 64 << 20;

    /// <summary>Writes metadata and tensors; the file is seen when it is whole.</summary>
    /// <param name="path">the file to make or replace</param>
    /// <param name="metadata">
    /// numbers (uint, int, ulong, float), flags, texts, and arrays of texts, of whole numbers or of floats
    /// </param>
    /// <param name="tensors">what each is to be, and the tensor, made when it is needed</param>
    /// <exception cref="IOException">The disk is full or cannot be written; the old file is as it was.</exception>
    public static void Write(
        string path, IReadOnlyDictionary<string, object> metadata, IReadOnlyList<(GgufTensor About, Func<Tensor> Tensor)> tensors)
        => AtomicFile.Write(path, file =>
        {
            using var writer = new BinaryWriter(file, Encoding.UTF8, leaveOpen: true);
            writer.Write("GGUF"u8);
            writer.Write(3u);
            writer.Write((ulong)tensors.Count);
            writer.Write((ulong)metadata.Count);
            foreach (var (key, value) in metadata)
            {
                Text(writer, key);
                Value(writer, value);
            }
            var at = 0L;
            foreach (var (about, _) in tensors)
            {
                Text(writer, about.Name);
                writer.Write((uint)about.Shape.Length);
                foreach (var dimension in about.Shape.Reverse()) writer.Write((ulong)dimension);
                writer.Write((uint)about.Type);
                writer.Write((ulong)at);
                at += Aligned(about.Bytes);
            }
            foreach (var (about, tensor) in tensors)
            {
                Pad(writer);
                Data(writer, about, tensor);
            }
            Pad(writer);
        });

    internal static long Aligned(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    private static void Pad(BinaryWriter writer)
    {
        writer.Flush();
        var at = writer.BaseStream.Position;
        writer.Write(new byte[Aligned(at) - at]);
    }

    private static void Text(BinaryWriter writer, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((ulong)bytes.Length);
        writer.Write(bytes);
    }

    private static void Value(BinaryWriter writer, object value)
    {
        switch (value)
        {
            case uint number: writer.Write(4u); writer.Write(number); break;
            case int number: writer.Write(5u); writer.Write(number); break;
            case float number: writer.Write(6u); writer.Write(number); break;
            case bool flag: writer.Write(7u); writer.Write(flag); break;
            case string text: writer.Write(8u); Text(writer, text); break;
            case ulong number: writer.Write(10u); writer.Write(number); break;
            case string[] texts:
                writer.Write(9u); writer.Write(8u); writer.Write((ulong)texts.Length);
                foreach (var text in texts) Text(writer, text);
                break;
            case float[] numbers:
                writer.Write(9u); writer.Write(6u); writer.Write((ulong)numbers.Length);
                foreach (var number in numbers) writer.Write(number);
                break;
            case int[] numbers:
                writer.Write(9u); writer.Write(5u); writer.Write((ulong)numbers.Length);
                foreach (var number in numbers) writer.Write(number);
                break;
            default: throw new ArgumentException($"GGUF has no {value.GetType().Name}");
        }
    }

    private static void Data(BinaryWriter writer, GgufTensor about, Func<Tensor> make)
    {
        using var no = no_grad();
        using var scope = NewDisposeScope();
        var type = about.Type == GgufType.F16 ? ScalarType.Float16 : about.Type == GgufType.BF16 ? ScalarType.BFloat16 : ScalarType.Float32;
        var tensor = make().detach().cpu().to(type).contiguous();
        if (!tensor.shape.SequenceEqual(about.Shape)) throw new InvalidOperationException($"{about.Name} was announced otherwise");
        foreach (var (_, first, count) in TensorBytes.Ranges(tensor, RowsBytes)) // a multiple of any block
        {
            var bytes = TensorBytes.Of(tensor, first, count);
            if (about.Type != GgufType.Q8)
            {
                writer.Write(bytes);
                continue;
            }
            var blocks = new byte[GgufTensor.BytesOf(GgufType.Q8, count)];
            QuantizedBlocks.Quantize(MemoryMarshal.Cast<byte, float>(bytes), blocks);
            writer.Write(blocks);
        }
    }
}
