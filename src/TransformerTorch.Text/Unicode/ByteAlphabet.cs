namespace TransformerTorch.Text.Unicode;

/// <summary>GPT-2's alphabet: a printable character for each of the 256 bytes (openai/gpt-2, encoder.py).</summary>
internal static class ByteAlphabet
{
    private static readonly char[] _characters = BuildCharacters();
    private static readonly short[] _bytes = BuildBytes();

    /// <summary>The character that stands for <paramref name="value"/>; below U+0800, so two bytes of UTF-8 at most.</summary>
    public static char Character(byte value) => _characters[value];

    /// <summary>The byte that <paramref name="codePoint"/> stands for, or -1.</summary>
    public static int Byte(int codePoint) => (uint)codePoint < (uint)_bytes.Length ? _bytes[codePoint] : -1;

    /// <summary>
    /// Translates UTF-8 of the alphabet's characters to the bytes that they stand for; null when another character is among them.
    /// </summary>
    public static byte[]? Translate(ReadOnlySpan<byte> text)
    {
        var result = new byte[text.Length];
        var length = 0;
        for (var at = 0; at < text.Length;)
        {
            var value = Byte(Utf8.Next(text, ref at));
            if (value < 0)
                return null;
            result[length++] = (byte)value;
        }
        return result[..length];
    }

    private static char[] BuildCharacters()
    {
        var characters = new char[256];
        var next = 256;
        for (var value = 0; value < 256; value++)
        {
            var printable = value is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE;
            characters[value] = (char)(printable ? value : next++);
        }
        return characters;
    }

    private static short[] BuildBytes()
    {
        var bytes = new short[_characters.Max() + 1];
        Array.Fill(bytes, (short)-1);
        for (var value = 0; value < 256; value++)
            bytes[_characters[value]] = (short)value;
        return bytes;
    }
}
