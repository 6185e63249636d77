using System.IO.MemoryMappedFiles;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>A safetensors file, memory-mapped: opening reads its header only.</summary>
public sealed unsafe class SafeTensorsFile : IDisposable
{
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _data;
    private readonly string _path;

    private SafeTensorsFile(string path, FileStream stream)
    {
        _path = path;
        (var tensors, Metadata, var start) = SafeTensorsHeader.Read(stream, path);
        Tensors = tensors;
        _map = MemoryMappedFile.CreateFromFile(
            stream, mapName: null, capacity: 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        _view = _map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        byte* pointer = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
        _data = pointer + start;
    }

    /// <summary>The tensors by name.</summary>
    public IReadOnlyDictionary<string, TensorEntry> Tensors { get; }

    /// <summary>What the file says of itself ("format": "pt").</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="CheckpointException">The header is damaged, or the tensors do not fill the file exactly.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static SafeTensorsFile Open(string path)
    {
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        try
        {
            return new SafeTensorsFile(path, stream);
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
        if (!Tensors.TryGetValue(name, out var entry)) throw new CheckpointException($"{_path}: no tensor {name}");
        var result = empty(entry.Shape, entry.ScalarType);
        foreach (var (offset, piece) in TensorBytes.Pieces(result))
        {
            var bytes = piece.bytes;
            new ReadOnlySpan<byte>(_data + entry.Begin + offset, bytes.Length).CopyTo(bytes);
        }
        return result;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _map.Dispose();
    }
}
