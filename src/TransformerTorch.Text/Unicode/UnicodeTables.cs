using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TransformerTorch.Text.Unicode;

/// <summary>A value for each code point, in two stages: the number of a block of 256, and the blocks.</summary>
internal sealed class CodePointTable<T>(ushort[] index, T[] blocks)
    where T : unmanaged
{
    public T this[int codePoint]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => blocks[index[codePoint >> 8] << 8 | codePoint & 0xFF];
    }
}

/// <summary>The tables of unicode.bin, which scripts/unicode-tables.py makes and describes.</summary>
internal static class UnicodeTables
{
    static UnicodeTables()
    {
        using var resource = typeof(UnicodeTables).Assembly.GetManifestResourceStream("unicode.bin")!;
        using var inflated = new ZLibStream(resource, CompressionMode.Decompress);
        using var memory = new MemoryStream();
        inflated.CopyTo(memory);
        ReadOnlySpan<byte> data = memory.GetBuffer().AsSpan(0, (int)memory.Length);
        Flags = Table<ushort>(ref data);
        Categories = Table<byte>(ref data);
        Scripts = Table<byte>(ref data);
        OldScripts = Table<byte>(ref data);
        Graphemes = Table<byte>(ref data);
        CombiningClasses = Table<byte>(ref data);
        Canonical = Lists(ref data);
        Compatible = Lists(ref data);
        foreach (var (composed, parts) in Lists(ref data))
            Compositions[(long)parts[0] << 32 | (uint)parts[1]] = composed;
        Lowercase = Lists(ref data);
        foreach (var (codePoint, folded) in Lists(ref data))
            Folding[codePoint] = folded[0];
        LongFolding = Lists(ref data);
        ScriptNames = Utf8.Text(data[4..]).Split('\n');
    }

    /// <summary>The bits of <see cref="CodePoints"/>.</summary>
    public static CodePointTable<ushort> Flags { get; }

    /// <summary>General categories (Unicode 16), numbered as in the script that made the table.</summary>
    public static CodePointTable<byte> Categories { get; }

    /// <summary>Scripts (Unicode 16): 0 none, else one more than the index in <see cref="ScriptNames"/>.</summary>
    public static CodePointTable<byte> Scripts { get; }

    /// <summary>Scripts (Unicode 9).</summary>
    public static CodePointTable<byte> OldScripts { get; }

    /// <summary>Grapheme cluster breaks (Unicode 16): bits 0 to 3 the class, 4 pictographic, 5 and 6 the role in Indic conjuncts.</summary>
    public static CodePointTable<byte> Graphemes { get; }

    /// <summary>Canonical combining classes (Unicode 9).</summary>
    public static CodePointTable<byte> CombiningClasses { get; }

    /// <summary>Full canonical decompositions (Unicode 9), Hangul left out.</summary>
    public static Dictionary<int, int[]> Canonical { get; }

    /// <summary>Full compatibility decompositions where they differ from the canonical ones.</summary>
    public static Dictionary<int, int[]> Compatible { get; }

    /// <summary>First and second character, packed, -> the composed one.</summary>
    public static Dictionary<long, int> Compositions { get; } = [];

    /// <summary>Full lower case (Unicode 17), unconditional.</summary>
    public static Dictionary<int, int[]> Lowercase { get; }

    /// <summary>Simple case folding (Unicode 16).</summary>
    public static Dictionary<int, int> Folding { get; } = [];

    /// <summary>The characters whose full case folding is two or three characters (Unicode 16), such as the sharp s.</summary>
    public static Dictionary<int, int[]> LongFolding { get; }

    public static string[] ScriptNames { get; }

    private static CodePointTable<T> Table<T>(ref ReadOnlySpan<byte> data)
        where T : unmanaged
    {
        var blocks = MemoryMarshal.Read<ushort>(data);
        var index = MemoryMarshal.Cast<byte, ushort>(data.Slice(2, 4352 * 2)).ToArray();
        var length = blocks * 256 * Unsafe.SizeOf<T>();
        var values = MemoryMarshal.Cast<byte, T>(data.Slice(2 + 4352 * 2, length)).ToArray();
        data = data[(2 + 4352 * 2 + length)..];
        return new CodePointTable<T>(index, values);
    }

    private static Dictionary<int, int[]> Lists(ref ReadOnlySpan<byte> data)
    {
        var count = MemoryMarshal.Read<int>(data);
        data = data[4..];
        var lists = new Dictionary<int, int[]>(count);
        for (var i = 0; i < count; i++)
        {
            var length = MemoryMarshal.Read<int>(data[4..]);
            lists[MemoryMarshal.Read<int>(data)] = MemoryMarshal.Cast<byte, int>(data.Slice(8, length * 4)).ToArray();
            data = data[(8 + length * 4)..];
        }
        return lists;
    }
}
