using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>A tensor to be written: what the header says of it, and the tensor itself, asked for once.</summary>
/// <param name="Name">its name</param>
/// <param name="Type">its elements in the file; the tensor is converted to it</param>
/// <param name="Shape">its dimensions</param>
/// <param name="Tensor">of any device and strides</param>
public sealed record TensorToWrite(string Name, ElementType Type, long[] Shape, Func<Tensor> Tensor)
{
    /// <summary>The bytes it takes in the file.</summary>
    public long Bytes => Shape.Aggregate(1L, (n, d) => n * d) * Type.Bits / 8;

    /// <summary>As the tensor is.</summary>
    public static TensorToWrite Of(string name, Func<Tensor> tensor)
    {
        using var scope = NewDisposeScope();
        var value = tensor();
        return new TensorToWrite(name, ElementType.Of(value.dtype), value.shape, tensor);
    }
}

/// <summary>
/// Writes safetensors files: beside the old one, flushed to the disk, then renamed over it, so that a reader never sees half a file.
/// </summary>
public static class SafeTensorsWriter
{
    private const int WriteBytes = 64 << 20;

    /// <summary>Writes tensors of any device and strides, in the order given.</summary>
    /// <param name="path">the file to make or replace</param>
    /// <param name="tensors">names and tensors, each made when it is needed</param>
    /// <param name="metadata">texts beside <c>"format": "pt"</c>, without which older readers refuse the file</param>
    /// <exception cref="IOException">The disk is full or cannot be written; the old file is as it was.</exception>
    public static void Write(
        string path, IReadOnlyList<(string Name, Func<Tensor> Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
        => Write(path, [.. tensors.Select(t => TensorToWrite.Of(t.Name, t.Tensor))], metadata);

    /// <inheritdoc cref="Write(string, IReadOnlyList{ValueTuple{string, Func{Tensor}}}, IReadOnlyDictionary{string, string})"/>
    public static void Write(
        string path, IReadOnlyList<TensorToWrite> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        AtomicFile.Write(path, file =>
        {
            file.Write(Header(tensors, metadata));
            foreach (var tensor in tensors) WriteTensor(file, tensor);
        });
    }

    private static byte[] Header(IReadOnlyList<TensorToWrite> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var about = new JsonObject { ["format"] = "pt" };
        foreach (var (key, value) in metadata ?? new Dictionary<string, string>()) about[key] = value;
        var header = new JsonObject { ["__metadata__"] = about };
        var at = 0L;
        foreach (var tensor in tensors)
        {
            var shape = new JsonArray([.. tensor.Shape.Select(d => (JsonNode)d)]);
            var offsets = new JsonArray(at, at + tensor.Bytes);
            header.Add(tensor.Name, new JsonObject { ["dtype"] = tensor.Type.Name, ["shape"] = shape, ["data_offsets"] = offsets });
            at += tensor.Bytes;
        }
        var json = JsonSerializer.SerializeToUtf8Bytes(header);
        var padded = (json.Length + 7) / 8 * 8; // so that the data begin aligned
        var bytes = new byte[SafeTensorsHeader.LengthBytes + padded];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)padded);
        json.CopyTo(bytes, SafeTensorsHeader.LengthBytes);
        bytes.AsSpan(SafeTensorsHeader.LengthBytes + json.Length).Fill((byte)' ');
        return bytes;
    }

    private static void WriteTensor(FileStream file, TensorToWrite tensor)
    {
        using var _ = no_grad();
        using var scope = NewDisposeScope();
        var value = tensor.Tensor();
        if (!value.shape.SequenceEqual(tensor.Shape))
            throw new InvalidOperationException($"{tensor.Name} was announced as {Tensors.Dims.Describe(tensor.Shape)}");
        value = value.detach().cpu().to(tensor.Type.Scalar!.Value).contiguous();
        foreach (var (_, first, count) in TensorBytes.Ranges(value, WriteBytes)) file.Write(TensorBytes.Of(value, first, count));
    }
}
