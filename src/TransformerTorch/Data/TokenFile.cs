using System.IO.MemoryMappedFiles;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TransformerTorch.Data;

/// <summary>
/// One column of a split, memory-mapped: each document's sequence of whole numbers, end to end. Little-endian: magic, version, bytes a
/// value
/// (1 or 2 without a sign, or 4 with one), values, documents, text bytes, fingerprint (in all 72 bytes); the values, padded to 8 bytes;
/// for each document the value and the text byte at which it ends.
/// </summary>
public sealed unsafe class TokenFile : IDisposable
{
    internal const int HeaderBytes = 72;
    internal const ulong Magic = 0x314E454B4F545454;    // "TTTOKEN1"
    internal const int Version = 2;

    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;
    private readonly byte* _tokens;
    private readonly long* _documents;
    private readonly int _width;

    private TokenFile(string path, FileStream stream)
    {
        _map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        _view = _map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
        var header = (Header*)_start;
        (Path, _width, Count, DocumentCount, TextBytes) = (path, header->Width, header->Tokens, header->Documents, header->TextBytes);
        _tokens = _start + HeaderBytes;
        _documents = (long*)(_tokens + Padded(Count * _width));
    }

    /// <summary>Where the file lies.</summary>
    public string Path { get; }

    /// <summary>Number of tokens, end marks included.</summary>
    public long Count { get; }

    /// <summary>Number of documents.</summary>
    public long DocumentCount { get; }

    /// <summary>UTF-8 bytes of the documents' text; end marks count none.</summary>
    public long TextBytes { get; }

    /// <summary>Opens a file.</summary>
    /// <returns>Null where there is none, where it was written for another fingerprint, or where it is not whole.</returns>
    public static TokenFile? TryOpen(string path, ReadOnlySpan<byte> fingerprint)
    {
        if (!File.Exists(path)) return null;
        var stream = File.OpenRead(path);
        Header header;
        var whole = stream.ReadAtLeast(new Span<byte>(&header, HeaderBytes), HeaderBytes, throwOnEndOfStream: false) == HeaderBytes
            && header.Magic == Magic && header.Version == Version && fingerprint.SequenceEqual(header.Fingerprint)
            && stream.Length == HeaderBytes + Padded(header.Tokens * header.Width) + 16 * header.Documents;
        if (whole) return new TokenFile(path, stream);
        stream.Dispose();
        return null;
    }

    /// <summary>Copies the values from <paramref name="first"/> on.</summary>
    public void Read(long first, Span<int> values)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first + values.Length, Count);
        switch (_width)
        {
            case 1: for (var i = 0; i < values.Length; i++) values[i] = _tokens[first + i]; break;
            case 2: for (var i = 0; i < values.Length; i++) values[i] = ((ushort*)_tokens)[first + i]; break;
            default: new ReadOnlySpan<int>((int*)_tokens + first, values.Length).CopyTo(values); break;
        }
    }

    /// <summary>The values of a document.</summary>
    public int[] Read(long document)
    {
        var start = StartOfDocument(document);
        var values = new int[EndOfDocument(document) - start];
        Read(start, values);
        return values;
    }

    /// <summary>The document's first token.</summary>
    public long StartOfDocument(long document) => document == 0 ? 0 : EndOfDocument(document - 1);

    /// <summary>The token after the document's last (its end mark included).</summary>
    public long EndOfDocument(long document) => _documents[2 * document];

    /// <summary>The document that a token belongs to.</summary>
    public long DocumentOf(long token) => FirstEndingAt(token + 1);

    /// <summary>UTF-8 bytes of a document's text.</summary>
    public long BytesOf(long document) => _documents[2 * document + 1] - (document == 0 ? 0 : _documents[2 * document - 1]);

    /// <summary>UTF-8 bytes of the text of the first <paramref name="tokens"/> tokens;
    /// inside a document in proportion to its tokens.</summary>
    public double BytesUpTo(long tokens)
    {
        var document = FirstEndingAt(tokens);
        if (document == DocumentCount) return TextBytes;
        var (startToken, startByte) = document == 0 ? (0, 0) : (_documents[2 * document - 2], _documents[2 * document - 1]);
        var (endToken, endByte) = (_documents[2 * document], _documents[2 * document + 1]);
        return endToken == startToken ? endByte
            : startByte + (double)(endByte - startByte) * (tokens - startToken) / (endToken - startToken);
    }

    /// <summary>Unmaps the file.</summary>
    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _map.Dispose();
    }

    internal static long Padded(long bytes) => (bytes + 7) / 8 * 8;

    // The first document that ends at or after so many tokens.
    private long FirstEndingAt(long tokens)
    {
        var (low, high) = (0L, DocumentCount);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (EndOfDocument(middle) < tokens) low = middle + 1; else high = middle;
        }
        return low;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct Header
    {
        public ulong Magic;
        public int Version;
        public int Width;
        public long Tokens;
        public long Documents;
        public long TextBytes;
        public Hash Fingerprint;
    }

    [InlineArray(32)]
    internal struct Hash
    {
        private byte _first;
    }
}
