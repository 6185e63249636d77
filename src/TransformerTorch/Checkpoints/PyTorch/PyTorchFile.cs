using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;

namespace TransformerTorch.Checkpoints.PyTorch;

/// <summary>
/// Files of <c>torch.save</c> (torch/serialization.py): a ZIP archive since version 1.6, before that pickles followed by the storages.
/// Either way a dict of tensors, which are views of storages, which lie in the file as they are.
/// </summary>
internal static class PyTorchFile
{
    private const ulong MostHeader = 100_000_000;
    private const long MostRepeated = 64 << 20;
    private static readonly BigInteger s_magic = BigInteger.Parse("119547037146038801333356", CultureInfo.InvariantCulture);

    /// <summary>Where storages lie, by key.</summary>
    private sealed record Storages(Func<PickledStorage, (long Begin, long End)> Find, bool BigEndian);

    /// <summary>Whether a file begins as one of these. Read as the length of a safetensors header, that would be too long.</summary>
    public static bool Recognizes(Stream file)
    {
        Span<byte> start = stackalloc byte[8];
        file.Position = 0;
        var read = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        file.Position = 0;
        if (read < start.Length) return false;
        return IsZip(start) || (start[0] == 0x80 && start[1] <= 5 && BinaryPrimitives.ReadUInt64LittleEndian(start) > MostHeader);
    }

    /// <summary>The file as <see cref="Read"/> needs it: see <see cref="UnpackedArchive"/>.</summary>
    public static FileStream Stored(FileStream file, string path)
    {
        Span<byte> start = stackalloc byte[4];
        file.ReadExactly(start);
        file.Position = 0;
        return IsZip(start) ? UnpackedArchive.Of(file, path) : file;
    }

    /// <summary>Reads where the tensors lie.</summary>
    /// <exception cref="CheckpointException">The file is truncated or damaged, or is no dict of tensors.</exception>
    public static TensorTable Read(Stream file, string path)
    {
        Span<byte> start = stackalloc byte[4];
        file.Position = 0;
        file.ReadExactly(start);
        file.Position = 0;
        var (root, storages) = IsZip(start) ? ReadZip(file, path) : ReadLegacy(file, path);
        if (root is not PickleDict dict) throw new CheckpointException($"{path}: no dict of tensors");
        var tensors = new Dictionary<string, TensorEntry>();
        foreach (var (key, value) in Weights(dict).Pairs)
        {
            var name = key as string ?? throw new CheckpointException($"{path}: a tensor's name is no text");
            var tensor = value as PickledTensor
                ?? throw new CheckpointException($"{path}: {name} is no tensor; expected a dict of tensors and nothing else");
            tensors[name] = Entry(name, tensor, storages, path);
        }
        return new TensorTable(tensors, new Dictionary<string, string>());
    }

    /// <summary>The dict of tensors: the whole, or what a training run calls so beside its own state.</summary>
    private static PickleDict Weights(PickleDict root)
        => root.Pairs.LastOrDefault(p => p.Key is "state_dict").Value as PickleDict ?? root;

    private static bool IsZip(ReadOnlySpan<byte> start) => start.StartsWith("PK\x03\x04"u8);

    private static (object? Root, Storages) ReadZip(Stream file, string path)
    {
        var zip = new ZipDirectory(file, path);
        var main = zip.Names.FirstOrDefault(n => n.EndsWith("/data.pkl", StringComparison.Ordinal))
            ?? throw new CheckpointException($"{path}: a ZIP archive without data.pkl is nothing that torch.save wrote");
        var folder = main[..^"data.pkl".Length];
        var (begin, end) = zip.Find(main)!.Value;
        var root = Unpickler.Read(Input(file, begin, end, path));
        var big = zip.Find(folder + "byteorder") is var (from, to) && to - from < 100
            && System.Text.Encoding.ASCII.GetString(Input(file, from, to, path).Bytes(to - from)) == "big";
        return (root, new Storages(Find, big));

        (long, long) Find(PickledStorage storage) => zip.Find($"{folder}data/{storage.Key}")
            ?? throw new CheckpointException($"{path}: the storage {storage.Key} is missing");
    }

    // Magic number, protocol, system, the dict, the storages' keys; then each storage: its count of elements, its bytes.
    private static (object? Root, Storages) ReadLegacy(Stream file, string path)
    {
        var input = Input(file, 0, file.Length, path);
        if (Unpickler.Read(input) is not BigInteger magic || magic != s_magic)
            throw new CheckpointException($"{path}: a pickle that torch.save did not write");
        if (Unpickler.Read(input) is not 1001L) throw new CheckpointException($"{path}: a version of torch.save that is not known");
        Unpickler.Read(input);
        var root = Unpickler.Read(input);
        if (Unpickler.Read(input) is not PickleList keys) throw new CheckpointException($"{path}: no list of storages");
        var weights = root is PickleDict dict ? Weights(dict).Pairs : [];
        var sizes = weights.Select(p => (p.Value as PickledTensor)?.Storage).OfType<PickledStorage>().DistinctBy(s => s.Key)
            .ToDictionary(s => s.Key, s => (s.Type?.Bits ?? 8) / 8);
        var places = new Dictionary<string, (long, long)>();
        foreach (var key in keys.Items)
        {
            // A storage that no tensor uses cannot be passed over: nobody says how large its elements are.
            if (key is not string name || !sizes.TryGetValue(name, out var size))
                throw new CheckpointException($"{path}: the storage {key} belongs to no tensor");
            var count = input.Number64();
            if (count < 0 || count > file.Length) throw new CheckpointException($"{path}: truncated: a storage of {count} elements");
            var begin = input.Position;
            input.Skip(count * size);
            places[name] = (begin, input.Position);
        }
        return (root, new Storages(Find, BigEndian: false)); // storages are written with the lowest byte first everywhere

        (long, long) Find(PickledStorage storage) => places.TryGetValue(storage.Key, out var place) ? place
            : throw new CheckpointException($"{path}: the storage {storage.Key} is missing");
    }

    private static PickleInput Input(Stream file, long begin, long end, string path)
    {
        file.Position = begin;
        return new PickleInput(file, end, path);
    }

    private static TensorEntry Entry(string name, PickledTensor tensor, Storages storages, string path)
    {
        var (type, shape, strides) = (tensor.Type, tensor.Shape, tensor.Strides);
        var (begin, end) = storages.Find(tensor.Storage);
        var bytes = type.Bits / 8;
        var described = $"{path}: tensor {name}: {type} of {Tensors.Dims.Describe(shape)}";
        var lowest = shape.Concat(strides).Append(tensor.Offset).Append(tensor.Storage.First).Min();
        if (shape.Length != strides.Length || lowest < 0)
            throw new CheckpointException($"{described}, steps of {Tensors.Dims.Describe(strides)}, from {tensor.Offset}: this cannot be");
        var count = shape.Aggregate((Int128)1, (n, d) => n > long.MaxValue ? n : n * d);
        var last = count == 0 ? 0 : shape.Zip(strides).Aggregate((Int128)0, (n, p) => n + ((Int128)(p.First - 1) * p.Second)) + 1;
        var first = (Int128)tensor.Storage.First + tensor.Offset;
        if ((first + last) * bytes > end - begin)
            throw new CheckpointException($"{described} from element {first} lies outside of its storage of {end - begin} bytes");
        if (count > last && count * bytes > MostRepeated) throw new CheckpointException($"{described} repeats its few elements too often");
        var from = begin + (long)(first * bytes);
        var result = new TensorEntry(name, type, shape, from, from + (long)(last * bytes)) { BigEndian = storages.BigEndian && bytes > 1 };
        return IsRowMajor(shape, strides) || count == 0 ? result : result with { Strides = strides };
    }

    private static bool IsRowMajor(long[] shape, long[] strides)
    {
        var expected = 1L;
        for (var i = shape.Length - 1; i >= 0; expected *= shape[i--])
            if (shape[i] != 1 && strides[i] != expected) return false;
        return true;
    }
}
