using System.IO.MemoryMappedFiles;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>Tensors over the pages of a file.</summary>
internal static class TensorMap
{
    /// <summary>A tensor whose storage is the file's; it keeps the mapping for as long as it lives.</summary>
    /// <returns>null where the file's layout, or the lack of the native bridge, forbids it</returns>
    public static unsafe Tensor? Open(FileStream file, TensorEntry entry)
    {
        var type = entry.ScalarType;
        if (entry.Strides is not null || entry.BigEndian || entry.Bytes == 0) return null;
        if (!NativeBridge.IsAvailable || entry.Begin % (entry.Type.Bits / 8) != 0) return null;
        // Copy on write: training may write to weights, and must not write to the file.
        var map = MemoryMappedFile.CreateFromFile(
            file, mapName: null, capacity: 0, MemoryMappedFileAccess.CopyOnWrite, HandleInheritability.None, leaveOpen: true);
        var view = map.CreateViewAccessor(entry.Begin, entry.Bytes, MemoryMappedFileAccess.CopyOnWrite);
        byte* pages = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref pages);
        try
        {
            return ForeignMemory.Tensor((nint)(pages + view.PointerOffset), entry.Shape, type, Release);
        }
        catch
        {
            Release();
            throw;
        }

        void Release()
        {
            view.SafeMemoryMappedViewHandle.ReleasePointer();
            view.Dispose();
            map.Dispose();
        }
    }
}
