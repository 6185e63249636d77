using System.Buffers.Binary;
using System.Text.Json;
namespace TransformerTorch.Checkpoints;

/// <summary>
/// The header of a safetensors file, read strictly (https://github.com/huggingface/safetensors): at most 100 MB of JSON, no name twice,
/// shapes that fit their bytes, bytes without holes or overlaps that end where the file ends.
/// </summary>
internal static class SafeTensorsHeader
{
    public const int LengthBytes = 8;
    private const long MostBytes = 100_000_000;

    /// <summary>Reads the header from the file's start.</summary>
    public static TensorTable Read(Stream file, string path)
    {
        Span<byte> length = stackalloc byte[LengthBytes];
        if (file.Length < LengthBytes) throw new CheckpointException($"{path}: {file.Length} bytes are no safetensors file");
        file.ReadExactly(length);
        var size = BinaryPrimitives.ReadUInt64LittleEndian(length);
        if (size > MostBytes)
            throw new CheckpointException($"{path}: no safetensors file: a header of {size} bytes, at most {MostBytes} are allowed");
        if ((long)size > file.Length - LengthBytes)
            throw new CheckpointException($"{path}: truncated: the header has {size} bytes, the file {file.Length}");
        var json = new byte[size];
        file.ReadExactly(json);
        if (size == 0 || json[0] != (byte)'{') throw new CheckpointException($"{path}: the header does not begin with {{");
        var dataStart = LengthBytes + (long)size;
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            var table = Entries(document.RootElement, dataStart, path);
            CheckLayout(table.Tensors.Values, dataStart, file.Length, path);
            return table;
        }
        catch (Exception e) when (
            e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException or OverflowException)
        {
            throw new CheckpointException($"{path}: the header is damaged: {e.Message}", e);
        }
    }

    private static TensorTable Entries(JsonElement root, long dataStart, string path)
    {
        var tensors = new Dictionary<string, TensorEntry>();
        var metadata = new Dictionary<string, string>();
        foreach (var property in root.EnumerateObject())
        {
            if (property.Name == "__metadata__")
            {
                foreach (var item in property.Value.EnumerateObject())
                    metadata.Add(item.Name, item.Value.GetString() ?? throw new FormatException("null in __metadata__"));
                continue;
            }
            tensors.Add(property.Name, Entry(property.Name, property.Value, dataStart, path));
        }
        return new TensorTable(tensors, metadata);
    }

    private static TensorEntry Entry(string name, JsonElement value, long dataStart, string path)
    {
        var offsets = value.GetProperty("data_offsets");
        if (offsets.GetArrayLength() != 2) throw new CheckpointException($"{path}: tensor {name}: data_offsets must be two numbers");
        var spelled = value.GetProperty("dtype").GetString() ?? "null";
        var type = ElementType.Find(spelled) ?? throw new CheckpointException($"{path}: tensor {name}: unknown type {spelled}");
        long[] shape = [.. value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())];
        var (begin, end) = (offsets[0].GetInt64(), offsets[1].GetInt64());
        if (begin > end || begin < 0) throw new CheckpointException($"{path}: tensor {name}: bytes {begin} to {end} are no range");
        return new TensorEntry(name, type, shape, checked(dataStart + begin), checked(dataStart + end));
    }

    private static void CheckLayout(IEnumerable<TensorEntry> tensors, long dataStart, long length, string path)
    {
        var at = dataStart;
        foreach (var t in tensors.OrderBy(t => t.Begin).ThenBy(t => t.End))
        {
            var (tensor, shape) = ($"{path}: tensor {t.Name}", Tensors.Dims.Describe(t.Shape));
            var (begin, end) = (t.Begin - dataStart, t.End - dataStart);
            if (t.Shape.Any(d => d < 0)) throw new CheckpointException($"{tensor}: a negative dimension in {shape}");
            var needed = t.Shape.Aggregate((Int128)t.Type.Bits, (n, d) => n > long.MaxValue ? n : n * d);
            if (t.Begin != at)
                throw new CheckpointException($"{tensor}: bytes {begin} to {end} leave a hole or overlap after {at - dataStart}");
            if (needed != (Int128)(t.End - t.Begin) * 8)
                throw new CheckpointException($"{tensor}: {t.Type} of {shape} does not take bytes {begin} to {end}");
            at = t.End;
        }
        if (at == length) return;
        var (taken, there) = (at - dataStart, length - dataStart);
        throw new CheckpointException(
            $"{path}: {(at > length ? "truncated" : "damaged")}: the tensors take {taken} bytes, there are {there}");
    }
}
