using System.IO.Compression;

namespace TransformerTorch.Checkpoints.PyTorch;

/// <summary>
/// ZIP archives whose entries are compressed, as tools other than <c>torch.save</c> leave them: unpacked into a temporary file, in which
/// tensors lie as they are.
/// </summary>
internal static class UnpackedArchive
{
    private const int MostTimes = 100; // weights shrink to half; what grows so much is a bomb

    /// <summary>
    /// The archive with nothing compressed: itself, or a copy that is deleted when it is closed; then the archive is closed.
    /// </summary>
    /// <exception cref="CheckpointException">It is damaged, or unpacks to far more than weights do.</exception>
    public static FileStream Of(FileStream archive, string path)
    {
        if (!new ZipDirectory(archive, path).IsCompressed) return archive;
        var copy = new FileStream(Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.zip"), FileMode.CreateNew, FileAccess.ReadWrite,
            FileShare.Read, bufferSize: 16384, FileOptions.DeleteOnClose);
        try
        {
            archive.Position = 0;
            using (var from = new ZipArchive(archive, ZipArchiveMode.Read, leaveOpen: true))
            using (var to = new ZipArchive(copy, ZipArchiveMode.Create, leaveOpen: true))
                Copy(from, to, archive.Length, path);
            archive.Dispose();
            return copy;
        }
        catch (Exception e)
        {
            copy.Dispose();
            if (e is InvalidDataException) throw new CheckpointException($"{path}: a damaged ZIP archive: {e.Message}", e);
            throw;
        }
    }

    private static void Copy(ZipArchive from, ZipArchive to, long bytes, string path)
    {
        var unpacked = from.Entries.Aggregate((Int128)0, (sum, e) => sum + e.Length);
        if (unpacked > (Int128)bytes * MostTimes)
            throw new CheckpointException($"{path}: {bytes} bytes unpack to {unpacked}: no weights shrink so far");
        foreach (var entry in from.Entries)
        {
            using var source = entry.Open();
            using var target = to.CreateEntry(entry.FullName, CompressionLevel.NoCompression).Open();
            source.CopyTo(target);
        }
    }
}
