using System.Runtime.InteropServices;
using System.Text;
using TransformerTorch.Checkpoints;

namespace TransformerTorch.Data;

/// <summary>Tokenises documents into a <see cref="TokenFile"/>.</summary>
public static class TokenFileWriter
{
    private const int DocumentsAtOnce = 4096;

    /// <summary>Writes the file; each document is followed by <paramref name="endMark"/>.</summary>
    /// <param name="path">Where; a file that is there is replaced when the new one is whole.</param>
    /// <param name="fingerprint">32 bytes that say what it was made of.</param>
    /// <param name="documents">The documents, in order.</param>
    /// <param name="encode">Text to ids, without special tokens; called on several threads.</param>
    /// <param name="endMark">The id that ends a document.</param>
    /// <param name="progress">Told the number of documents done.</param>
    public static void Write(string path, byte[] fingerprint, IEnumerable<Document> documents, Func<string, IReadOnlyList<int>> encode,
        int endMark, IProgress<long>? progress = null)
    {
        // Ids are written four bytes wide first, as their greatest is known only at the end, and narrowed in the copy.
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        Directory.CreateDirectory(folder);
        using var wide = new FileStream(Path.Combine(folder, $".ids.{Guid.NewGuid():N}.tmp"), FileMode.CreateNew, FileAccess.ReadWrite,
            FileShare.None, 1 << 16, FileOptions.DeleteOnClose);
        var ends = new List<long>();
        var (tokens, bytes, greatest) = (0L, 0L, endMark);
        foreach (var chunk in documents.Chunk(DocumentsAtOnce))
        {
            foreach (var (text, ids) in chunk.AsParallel().AsOrdered().Select(d => (d.Text, encode(d.Text))))
            {
                int[] document = [.. ids, endMark];
                wide.Write(MemoryMarshal.AsBytes(document.AsSpan()));
                greatest = Math.Max(greatest, document.Max());
                tokens += document.Length;
                bytes += Encoding.UTF8.GetByteCount(text);
                ends.Add(tokens);
                ends.Add(bytes);
            }
            progress?.Report(ends.Count / 2);
        }

        var header = new TokenFile.Header
        {
            Magic = TokenFile.Magic, Version = TokenFile.Version, Width = greatest <= ushort.MaxValue ? 2 : 4,
            Tokens = tokens, Documents = ends.Count / 2, TextBytes = bytes,
        };
        fingerprint.AsSpan(0, 32).CopyTo(header.Fingerprint);
        AtomicFile.Write(path, stream =>
        {
            stream.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<TokenFile.Header>(in header)));
            wide.Position = 0;
            CopyIds(wide, stream, header.Width);
            stream.Write(new byte[TokenFile.Padded(tokens * header.Width) - tokens * header.Width]);
            stream.Write(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(ends)));
        });
    }

    private static void CopyIds(Stream wide, Stream stream, int width)
    {
        if (width == 4) { wide.CopyTo(stream); return; }
        var (ids, narrow) = (new int[1 << 16], new ushort[1 << 16]);
        while (wide.ReadAtLeast(MemoryMarshal.AsBytes(ids.AsSpan()), ids.Length * 4, throwOnEndOfStream: false) / 4 is > 0 and var count)
        {
            for (var i = 0; i < count; i++) narrow[i] = (ushort)ids[i];
            stream.Write(MemoryMarshal.AsBytes(narrow.AsSpan(0, count)));
        }
    }
}
