namespace TransformerTorch.Text;

/// <summary>From positions counted in code points to other units. Null: they are the same.</summary>
internal static class OffsetMaps
{
    public static int[]? Utf16OfCodePoint(this string text)
    {
        var astral = false;
        foreach (var unit in text)
            astral |= char.IsHighSurrogate(unit);
        return astral ? Build(text, rune => rune.Utf16SequenceLength) : null;
    }

    public static int[]? ByteOfCodePoint(this string text) =>
        System.Text.Ascii.IsValid(text) ? null : Build(text, rune => rune.Utf8SequenceLength);

    // A lone surrogate enumerates as U+FFFD: one unit, three bytes, as it was encoded.
    private static int[] Build(string text, Func<System.Text.Rune, int> length)
    {
        var map = new List<int>(text.Length + 1) { 0 };
        foreach (var rune in text.EnumerateRunes())
            map.Add(map[^1] + length(rune));
        return map.ToArray();
    }
}
