using System.Runtime.InteropServices;
using System.Text;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>
/// A GGUF file, version 2 or 3 (ggml's docs/gguf.md): opening reads and checks what lies where, tensors are read when asked for.
/// </summary>
public sealed class GgufFile : IDisposable
{
    private const int MostEntries = 1_000_000, MostItems = 16_000_000, MostText = 16 << 20, MostDimensions = 4;
    private const int RangeBytes = 4 << 20; // a multiple of any block's
    private readonly FileStream _stream;
    private readonly BinaryReader _reader;
    private readonly Dictionary<string, object> _metadata = [];
    private readonly Dictionary<string, GgufTensor> _tensors = [];

    /// <summary>Opens a file.</summary>
    /// <exception cref="CheckpointException">It is truncated, damaged, or of types that are not read here.</exception>
    public GgufFile(string path)
    {
        _stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        _reader = new BinaryReader(_stream, Encoding.UTF8);
        try
        {
            ReadHeader();
        }
        catch (Exception e) when (e is EndOfStreamException or OverflowException or ArgumentException)
        {
            Dispose();
            throw new CheckpointException($"{path}: a truncated or damaged GGUF file", e);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What the file says of itself: numbers, flags, texts, arrays (<c>object[]</c>) of these.</summary>
    public IReadOnlyDictionary<string, object> Metadata => _metadata;

    /// <summary>Its tensors by name.</summary>
    public IReadOnlyDictionary<string, GgufTensor> Tensors => _tensors;

    /// <summary>Whether a file begins as one.</summary>
    public static bool Recognizes(string path)
    {
        if (!File.Exists(path)) return false;
        using var file = File.OpenRead(path);
        Span<byte> start = stackalloc byte[4];
        return file.ReadAtLeast(start, 4, throwOnEndOfStream: false) == 4 && start.SequenceEqual("GGUF"u8);
    }

    /// <summary>A tensor in float32, of which quantized ones are what their blocks stand for.</summary>
    /// <exception cref="CheckpointException">There is no such tensor.</exception>
    public Tensor Read(string name)
    {
        if (!_tensors.TryGetValue(name, out var about)) throw Wrong($"no tensor {name}");
        var result = empty(about.Shape, ScalarType.Float32);
        if (QuantizedBlocks.Size(about.Type) == 1)
        {
            var type = ElementType.Find(about.Type.ToString())!;
            TensorReader.Copy(_stream.SafeFileHandle, new(name, type, about.Shape, about.Begin, about.Begin + about.Bytes), result);
            return result;
        }
        InParallel.ForEach(TensorBytes.Ranges(result, RangeBytes), range =>
        {
            var blocks = new byte[GgufTensor.BytesOf(about.Type, range.Count)];
            ReadExactly(blocks, about.Begin + GgufTensor.BytesOf(about.Type, range.First));
            QuantizedBlocks.Restore(about.Type, blocks, MemoryMarshal.Cast<byte, float>(TensorBytes.Of(result, range.First, range.Count)));
        });
        return result;
    }

    /// <inheritdoc/>
    public void Dispose() => _reader.Dispose();

    private void ReadExactly(Span<byte> bytes, long at)
    {
        for (; bytes.Length > 0;)
        {
            var read = RandomAccess.Read(_stream.SafeFileHandle, bytes, at);
            if (read == 0) throw Wrong($"the file has been shortened while it was read: it ends at byte {at}");
            bytes = bytes[read..];
            at += read;
        }
    }

    private void ReadHeader()
    {
        if (!_reader.ReadBytes(4).AsSpan().SequenceEqual("GGUF"u8)) throw Wrong("no GGUF file");
        if (_reader.ReadUInt32() is var version and not (2 or 3)) throw Wrong($"GGUF of version {version}; 2 and 3 are read");
        var (tensors, entries) = (Count(MostEntries, "tensors"), Count(MostEntries, "keys"));
        for (var i = 0; i < entries; i++)
        {
            var key = Text();
            if (!_metadata.TryAdd(key, Value(_reader.ReadUInt32()))) throw Wrong($"the key {key} twice");
        }
        var places = new List<(GgufTensor About, long Offset)>();
        for (var i = 0; i < tensors; i++) places.Add(About());
        var alignment = _metadata.GetValueOrDefault("general.alignment") is uint told and > 0 ? told : GgufWriter.Alignment;
        var begin = (_stream.Position + alignment - 1) / alignment * alignment;
        foreach (var (about, offset) in places)
        {
            var placed = about with { Begin = checked(begin + offset) };
            if (offset < 0 || offset % alignment != 0 || placed.Bytes > _stream.Length - placed.Begin)
                throw Wrong($"tensor {about.Name} lies outside of the file, or at no multiple of {alignment}");
            if (!_tensors.TryAdd(about.Name, placed)) throw Wrong($"the tensor {about.Name} twice");
        }
    }

    private (GgufTensor About, long Offset) About()
    {
        var (name, count) = (Text(), _reader.ReadUInt32());
        if (count > MostDimensions) throw Wrong($"tensor {name}: {count} dimensions");
        var shape = new long[count];
        var elements = 1L;
        for (var i = (int)count - 1; i >= 0; i--) elements = checked(elements * (shape[i] = checked((long)_reader.ReadUInt64())));
        var type = (GgufType)_reader.ReadUInt32();
        if (!Enum.IsDefined(type))
            throw Wrong($"tensor {name}: ggml's type {(uint)type}, where f32, f16, bf16, q4_0 to q5_1, q8_0 and q2_k to q6_k are read");
        if (shape is [] ? QuantizedBlocks.Size(type) > 1 : shape[^1] % QuantizedBlocks.Size(type) != 0)
            throw Wrong($"tensor {name}: rows of no whole blocks");
        return (new(name, type, shape, 0), checked((long)_reader.ReadUInt64()));
    }

    private object Value(uint type) => type switch
    {
        0 => _reader.ReadByte(), 1 => _reader.ReadSByte(), 2 => _reader.ReadUInt16(), 3 => _reader.ReadInt16(), 4 => _reader.ReadUInt32(),
        5 => _reader.ReadInt32(), 6 => _reader.ReadSingle(), 7 => _reader.ReadByte() != 0, 8 => Text(), 9 => Items(),
        10 => _reader.ReadUInt64(), 11 => _reader.ReadInt64(), 12 => _reader.ReadDouble(),
        _ => throw Wrong($"a value of type {type}"),
    };

    private object[] Items()
    {
        var type = _reader.ReadUInt32();
        if (type == 9) throw Wrong("arrays in an array");
        var items = new object[Math.Min(Count(MostItems, "items"), _stream.Length - _stream.Position)];
        for (var i = 0; i < items.Length; i++) items[i] = Value(type);
        return items;
    }

    private string Text()
    {
        var length = (int)Count(MostText, "bytes of text");
        var bytes = _reader.ReadBytes(length);
        return bytes.Length == length ? Encoding.UTF8.GetString(bytes) : throw new EndOfStreamException();
    }

    private long Count(long most, string what)
    {
        var count = _reader.ReadUInt64();
        return count <= (ulong)most ? (long)count : throw Wrong($"{count} {what}, at most {most} are allowed");
    }

    private CheckpointException Wrong(string how) => new($"{_stream.Name}: {how}");
}
