using System.Buffers.Binary;
using System.Text;

namespace TransformerTorch.Checkpoints.PyTorch;

/// <summary>
/// Where the entries of a ZIP archive lie in it (APPNOTE 6.3, with ZIP64). Only what is stored as it is can be used where it lies, and
/// <c>torch.save</c> stores everything so; .NET's own reader tells no positions.
/// </summary>
internal sealed class ZipDirectory
{
    private const int EndBytes = 22, LocatorBytes = 20, End64Bytes = 56, CentralBytes = 46, LocalBytes = 30;
    private const long MostDirectory = 100_000_000;
    private readonly Dictionary<string, (ushort Method, long Header, long Length)> _entries = [];
    private readonly Stream _file;
    private readonly string _path;

    /// <summary>Reads the directory at the archive's end.</summary>
    /// <exception cref="CheckpointException">The archive is truncated or damaged.</exception>
    public ZipDirectory(Stream file, string path)
    {
        (_file, _path) = (file, path);
        var (start, bytes) = Locate();
        if (bytes > MostDirectory) throw Damaged($"a directory of {bytes} bytes, at most {MostDirectory} are allowed");
        var directory = Bytes(start, bytes);
        for (var at = 0; at < directory.Length;) at += Add(directory.AsSpan(at));
    }

    /// <summary>The names of the entries.</summary>
    public IReadOnlyCollection<string> Names => _entries.Keys;

    /// <summary>Whether any entry is not stored as it is.</summary>
    public bool IsCompressed => _entries.Values.Any(e => e.Method != 0);

    /// <summary>Where an entry's bytes lie; null where there is none.</summary>
    /// <exception cref="CheckpointException">It lies outside of the file.</exception>
    public (long Begin, long End)? Find(string name)
    {
        if (!_entries.TryGetValue(name, out var entry)) return null;
        var local = Bytes(entry.Header, LocalBytes);
        if (UInt32(local) != 0x04034b50) throw Damaged($"no header for {name}");
        var begin = entry.Header + LocalBytes + UInt16(local.AsSpan(26)) + UInt16(local.AsSpan(28));
        if (entry.Length > _file.Length - begin) throw Damaged($"{name} ends after the file");
        return (begin, begin + entry.Length);
    }

    private (long Start, long Bytes) Locate()
    {
        var tail = Bytes(Math.Max(0, _file.Length - EndBytes - ushort.MaxValue), Math.Min(_file.Length, EndBytes + ushort.MaxValue));
        var at = tail.Length - EndBytes;
        while (at >= 0 && (UInt32(tail.AsSpan(at)) != 0x06054b50 || at + EndBytes + UInt16(tail.AsSpan(at + 20)) != tail.Length)) at--;
        if (at < 0) throw new CheckpointException($"{_path}: truncated: a ZIP archive without its directory, which stands at the end");
        if (at >= LocatorBytes && UInt32(tail.AsSpan(at - LocatorBytes)) == 0x07064b50)
        {
            var end = Bytes(Int64(tail.AsSpan(at - LocatorBytes + 8)), End64Bytes);
            if (UInt32(end) != 0x06064b50) throw Damaged("no ZIP64 directory where it is announced");
            return (Int64(end.AsSpan(48)), Int64(end.AsSpan(40)));
        }
        return (UInt32(tail.AsSpan(at + 16)), UInt32(tail.AsSpan(at + 12)));
    }

    /// <summary>Adds the entry that begins here, and says how many bytes it takes.</summary>
    private int Add(ReadOnlySpan<byte> entry)
    {
        if (entry.Length < CentralBytes || UInt32(entry) != 0x02014b50) throw Damaged("a broken directory");
        var (name, extra, comment) = (UInt16(entry[28..]), UInt16(entry[30..]), UInt16(entry[32..]));
        if (entry.Length < CentralBytes + name + extra + comment) throw Damaged("a broken directory");
        long length = UInt32(entry[24..]), header = UInt32(entry[42..]), compressed = UInt32(entry[20..]);
        var more = Extra(entry.Slice(CentralBytes + name, extra));
        length = Wide(length, ref more);
        Wide(compressed, ref more);
        header = Wide(header, ref more);
        var key = Encoding.UTF8.GetString(entry.Slice(CentralBytes, name));
        if (length < 0 || header < 0 || !_entries.TryAdd(key, (UInt16(entry[10..]), header, length))) throw Damaged($"a wrong entry {key}");
        return CentralBytes + name + extra + comment;
    }

    // The ZIP64 field among the extra ones: those of length, compressed length and position that do not fit 32 bits, in this order.
    private static ReadOnlySpan<byte> Extra(ReadOnlySpan<byte> fields)
    {
        while (fields.Length >= 4)
        {
            var size = Math.Min(UInt16(fields[2..]), fields.Length - 4);
            if (UInt16(fields) == 1) return fields.Slice(4, size);
            fields = fields[(4 + size)..];
        }
        return [];
    }

    private long Wide(long value, ref ReadOnlySpan<byte> more)
    {
        if (value != uint.MaxValue) return value;
        if (more.Length < 8) throw Damaged("a broken directory");
        value = Int64(more);
        more = more[8..];
        return value;
    }

    private byte[] Bytes(long at, long count)
    {
        if (at < 0 || count < 0 || count > _file.Length - at) throw Damaged($"nothing at byte {at}");
        var result = new byte[count];
        _file.Position = at;
        _file.ReadExactly(result);
        return result;
    }

    private CheckpointException Damaged(string how) => new($"{_path}: a damaged ZIP archive: {how}");

    private static ushort UInt16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static uint UInt32(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    private static long Int64(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt64LittleEndian(bytes);
}
