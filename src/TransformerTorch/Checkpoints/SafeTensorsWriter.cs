using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>
/// Writes safetensors files: beside the old one, flushed to the disk, then renamed over it, so that a reader never sees half a file.
/// </summary>
public static class SafeTensorsWriter
{
    /// <summary>Writes tensors of any device and strides, in the order given.</summary>
    /// <param name="path">the file to make or replace</param>
    /// <param name="tensors">names and tensors; each is asked for when it is written</param>
    /// <param name="metadata">texts beside <c>"format": "pt"</c>, without which older readers refuse the file</param>
    /// <exception cref="IOException">The disk is full or cannot be written; the old file is as it was.</exception>
    public static void Write(
        string path, IReadOnlyList<(string Name, Func<Tensor> Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        AtomicFile.Write(path, file =>
        {
            file.Write(Header(tensors, metadata));
            foreach (var (_, tensor) in tensors) WriteTensor(file, tensor);
        });
    }

    private static byte[] Header(IReadOnlyList<(string Name, Func<Tensor> Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var about = new JsonObject { ["format"] = "pt" };
        foreach (var (key, value) in metadata ?? new Dictionary<string, string>()) about[key] = value;
        var header = new JsonObject { ["__metadata__"] = about };
        var at = 0L;
        foreach (var (name, get) in tensors)
        {
            using var scope = NewDisposeScope();
            var tensor = get();
            var end = at + (tensor.numel() * tensor.element_size());
            var type = SafeTensorsHeader.Types.FirstOrDefault(t => t.Value.Scalar == tensor.dtype).Key
                ?? throw new CheckpointException($"tensor {name}: safetensors has no type for {tensor.dtype}");
            var shape = new JsonArray([.. tensor.shape.Select(d => (JsonNode)d)]);
            header.Add(name, new JsonObject { ["dtype"] = type, ["shape"] = shape, ["data_offsets"] = new JsonArray(at, end) });
            at = end;
        }
        var json = JsonSerializer.SerializeToUtf8Bytes(header);
        var padded = (json.Length + 7) / 8 * 8; // so that the data begin aligned
        var bytes = new byte[SafeTensorsHeader.LengthBytes + padded];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)padded);
        json.CopyTo(bytes, SafeTensorsHeader.LengthBytes);
        bytes.AsSpan(SafeTensorsHeader.LengthBytes + json.Length).Fill((byte)' ');
        return bytes;
    }

    private static void WriteTensor(FileStream file, Func<Tensor> tensor)
    {
        using var _ = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (_, piece) in TensorBytes.Pieces(tensor().detach().cpu().contiguous())) file.Write(piece.bytes);
    }
}
