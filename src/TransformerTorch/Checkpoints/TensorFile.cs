using Microsoft.Win32.SafeHandles;
using TransformerTorch.Checkpoints.PyTorch;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>
/// A file of tensors: safetensors, or what <c>torch.save</c> writes. Opening reads where they lie and checks it; values are read when
/// asked for.
/// </summary>
public sealed class TensorFile : IDisposable
{
    private const int BufferBytes = 16384; // for headers; values do not go through it
    private readonly FileStream _stream;
    private readonly SafeFileHandle _handle; // asked for once: the stream's property seeks, and several threads read
    private readonly TensorTable _table;

    private TensorFile(FileStream stream, string path, TensorTable table)
        => (_stream, _handle, Path, _table) = (stream, stream.SafeFileHandle, path, table);

    /// <summary>The tensors by name.</summary>
    public IReadOnlyDictionary<string, TensorEntry> Tensors => _table.Tensors;

    /// <summary>What the file says of itself ("format": "pt").</summary>
    public IReadOnlyDictionary<string, string> Metadata => _table.Metadata;

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Opens a file and checks what lies where.</summary>
    /// <exception cref="CheckpointException">It is damaged, of an unknown format, or a pickle that asks for more than tensors.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static TensorFile Open(string path)
    {
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes, FileOptions.SequentialScan);
        try
        {
            if (!PyTorchFile.Recognizes(stream)) return new TensorFile(stream, path, SafeTensorsHeader.Read(stream, path));
            stream = PyTorchFile.Stored(stream, path);
            return new TensorFile(stream, path, PyTorchFile.Read(stream, path));
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>A tensor of its own on the CPU, in the file's type.</summary>
    /// <exception cref="CheckpointException">There is no such tensor, or libtorch has no such type.</exception>
    public Tensor Read(string name)
    {
        var entry = Entry(name);
        var result = empty(entry.Shape, entry.ScalarType);
        CopyTo(name, result);
        return result;
    }

    /// <summary>Copies a tensor into one of any type, device and strides, whose elements come in the same order.</summary>
    /// <exception cref="CheckpointException">There is no such tensor, or libtorch has no such type.</exception>
    /// <exception cref="ArgumentException">The target has another count of elements.</exception>
    public void CopyTo(string name, Tensor target)
    {
        var entry = Entry(name);
        if (target.numel() != entry.Count) throw new ArgumentException($"{name} has {entry.Count} elements, the target {target.numel()}");
        TensorReader.Copy(_handle, entry, target);
    }

    /// <summary>
    /// A tensor over the file's own pages: nothing is read before it is used, and processes share the memory. Writing to it leaves the
    /// file as it is. The file must not be shortened or written while it lives.
    /// </summary>
    /// <returns>null where that cannot be: other strides or byte order, a start that is not aligned, no native bridge</returns>
    /// <exception cref="CheckpointException">There is no such tensor, or libtorch has no such type.</exception>
    public Tensor? Map(string name) => TensorMap.Open(_stream, Entry(name));

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    private TensorEntry Entry(string name)
        => Tensors.TryGetValue(name, out var entry) ? entry : throw new CheckpointException($"{Path}: no tensor {name}");
}
