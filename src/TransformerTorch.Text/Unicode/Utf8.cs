using System.Runtime.CompilerServices;

namespace TransformerTorch.Text.Unicode;

/// <summary>Reading and writing code points in UTF-8 that is known to be valid.</summary>
internal static class Utf8
{
    /// <summary>The code point at <paramref name="position"/>, which is moved behind it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Next(ReadOnlySpan<byte> text, ref int position)
    {
        int first = text[position];
        if (first < 0x80)
        {
            position++;
            return first;
        }
        return NextLong(text, ref position);
    }

    private static int NextLong(ReadOnlySpan<byte> text, ref int position)
    {
        var at = position;
        int first = text[at];
        if (first < 0xE0)
        {
            position = at + 2;
            return (first & 0x1F) << 6 | text[at + 1] & 0x3F;
        }
        if (first < 0xF0)
        {
            position = at + 3;
            return (first & 0x0F) << 12 | (text[at + 1] & 0x3F) << 6 | text[at + 2] & 0x3F;
        }
        position = at + 4;
        return (first & 0x07) << 18 | (text[at + 1] & 0x3F) << 12 | (text[at + 2] & 0x3F) << 6 | text[at + 3] & 0x3F;
    }

    /// <summary>The code point that ends at <paramref name="position"/>, which is moved before it.</summary>
    public static int Previous(ReadOnlySpan<byte> text, ref int position)
    {
        do
            position--;
        while (IsContinuation(text[position]));
        var at = position;
        return Next(text, ref at);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsContinuation(byte value) => (value & 0xC0) == 0x80;

    /// <summary>Bytes of the character that begins with <paramref name="first"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int LengthFromFirst(byte first) => first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;

    public static int Length(int codePoint) => codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;

    /// <summary>
    /// Writes <paramref name="codePoint"/> and returns its length; <paramref name="destination"/> holds at least four bytes.
    /// </summary>
    public static int Write(int codePoint, Span<byte> destination)
    {
        if (codePoint < 0x80)
        {
            destination[0] = (byte)codePoint;
            return 1;
        }
        if (codePoint < 0x800)
        {
            destination[0] = (byte)(0xC0 | codePoint >> 6);
            destination[1] = (byte)(0x80 | codePoint & 0x3F);
            return 2;
        }
        if (codePoint < 0x10000)
        {
            destination[0] = (byte)(0xE0 | codePoint >> 12);
            destination[1] = (byte)(0x80 | codePoint >> 6 & 0x3F);
            destination[2] = (byte)(0x80 | codePoint & 0x3F);
            return 3;
        }
        destination[0] = (byte)(0xF0 | codePoint >> 18);
        destination[1] = (byte)(0x80 | codePoint >> 12 & 0x3F);
        destination[2] = (byte)(0x80 | codePoint >> 6 & 0x3F);
        destination[3] = (byte)(0x80 | codePoint & 0x3F);
        return 4;
    }

    public static int CountCodePoints(ReadOnlySpan<byte> text)
    {
        var count = 0;
        foreach (var value in text)
            count += IsContinuation(value) ? 0 : 1;
        return count;
    }

    /// <summary>The UTF-8 of <paramref name="text"/>; a lone surrogate becomes U+FFFD.</summary>
    public static byte[] Bytes(string text) => System.Text.Encoding.UTF8.GetBytes(text);

    /// <summary>
    /// The text of <paramref name="bytes"/>; what is not UTF-8 becomes U+FFFD, one for each longest broken start of a character.
    /// </summary>
    public static string Text(ReadOnlySpan<byte> bytes) => System.Text.Encoding.UTF8.GetString(bytes);
}
