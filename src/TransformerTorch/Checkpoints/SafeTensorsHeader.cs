using System.Buffers.Binary;
using System.Text.Json;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>Where a tensor lies in a safetensors file.</summary>
/// <param name="Name">its name</param>
/// <param name="Type">its element type, in the file's spelling ("F32")</param>
/// <param name="Shape">its dimensions</param>
/// <param name="Begin">its first byte, counted from the end of the header</param>
/// <param name="End">the byte after its last</param>
public sealed record TensorEntry(string Name, string Type, long[] Shape, long Begin, long End)
{
    /// <summary>The element type in libtorch.</summary>
    /// <exception cref="CheckpointException">libtorch has none.</exception>
    public ScalarType ScalarType => SafeTensorsHeader.Types.TryGetValue(Type, out var t) ? t.Scalar
        : throw new CheckpointException($"tensor {Name}: libtorch has no type for {Type}");
}

/// <summary>
/// The header of a safetensors file, read strictly (https://github.com/huggingface/safetensors): at most 100 MB of JSON, no name twice,
/// shapes that fit their bytes, bytes without holes or overlaps that end where the file ends.
/// </summary>
internal static class SafeTensorsHeader
{
    public const int LengthBytes = 8;
    private const long MostBytes = 100_000_000;

    /// <summary>Types that libtorch has, with their bytes.</summary>
    public static readonly IReadOnlyDictionary<string, (ScalarType Scalar, int Bytes)> Types = new Dictionary<string, (ScalarType, int)>
    {
        ["F64"] = (ScalarType.Float64, 8), ["F32"] = (ScalarType.Float32, 4), ["F16"] = (ScalarType.Float16, 2),
        ["BF16"] = (ScalarType.BFloat16, 2),
        ["I64"] = (ScalarType.Int64, 8), ["I32"] = (ScalarType.Int32, 4), ["I16"] = (ScalarType.Int16, 2), ["I8"] = (ScalarType.Int8, 1),
        ["U8"] = (ScalarType.Byte, 1), ["BOOL"] = (ScalarType.Bool, 1), ["C64"] = (ScalarType.ComplexFloat32, 8),
    };

    // Known to the format, not to libtorch: their bits are checked, their values are not read.
    private static readonly Dictionary<string, int> s_otherBits = new()
    {
        ["U16"] = 16, ["U32"] = 32, ["U64"] = 64, ["F8_E4M3"] = 8, ["F8_E5M2"] = 8, ["F8_E8M0"] = 8, ["F8_E4M3FNUZ"] = 8,
        ["F8_E5M2FNUZ"] = 8,
        ["F6_E2M3"] = 6, ["F6_E3M2"] = 6, ["F4"] = 4,
    };

    /// <summary>Reads the header from the file's start.</summary>
    /// <returns>the tensors by name, the metadata, and where the data begin</returns>
    public static (Dictionary<string, TensorEntry> Tensors, Dictionary<string, string> Metadata, long DataStart) Read(
        Stream file, string path)
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
            var (tensors, metadata) = Entries(document.RootElement, path);
            CheckLayout(tensors.Values, file.Length - dataStart, path);
            return (tensors, metadata, dataStart);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new CheckpointException($"{path}: the header is damaged: {e.Message}", e);
        }
    }

    private static (Dictionary<string, TensorEntry>, Dictionary<string, string>) Entries(JsonElement root, string path)
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
            var offsets = property.Value.GetProperty("data_offsets");
            if (offsets.GetArrayLength() != 2)
                throw new CheckpointException($"{path}: tensor {property.Name}: data_offsets must be two numbers");
            long[] shape = [.. property.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())];
            var type = property.Value.GetProperty("dtype").GetString() ?? "null";
            tensors.Add(property.Name, new TensorEntry(property.Name, type, shape, offsets[0].GetInt64(), offsets[1].GetInt64()));
        }
        return (tensors, metadata);
    }

    private static void CheckLayout(IEnumerable<TensorEntry> tensors, long bytes, string path)
    {
        var at = 0L;
        foreach (var t in tensors.OrderBy(t => t.Begin).ThenBy(t => t.End))
        {
            var bits = Types.TryGetValue(t.Type, out var known) ? known.Bytes * 8
                : s_otherBits.TryGetValue(t.Type, out var other) ? other
                    : throw new CheckpointException($"{path}: tensor {t.Name}: unknown type {t.Type}");
            var (tensor, shape) = ($"{path}: tensor {t.Name}", Tensors.Dims.Describe(t.Shape));
            if (t.Shape.Any(d => d < 0)) throw new CheckpointException($"{tensor}: a negative dimension in {shape}");
            var needed = t.Shape.Aggregate((Int128)bits, (n, d) => n > long.MaxValue ? n : n * d);
            if (t.Begin != at) throw new CheckpointException($"{tensor}: bytes {t.Begin} to {t.End} leave a hole or overlap after {at}");
            if (t.End < t.Begin || needed != (Int128)(t.End - t.Begin) * 8)
                throw new CheckpointException($"{tensor}: {t.Type} of {shape} does not take bytes {t.Begin} to {t.End}");
            at = t.End;
        }
        if (at == bytes) return;
        throw new CheckpointException($"{path}: {(at > bytes ? "truncated" : "damaged")}: the tensors take {at} bytes, there are {bytes}");
    }
}
