using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Training;

/// <summary>The pieces that unigram training begins with: all characters, and the repeated substrings that cover most text.</summary>
internal static class UnigramSeeds
{
    private const int Boundary = -1;

    /// <summary>UTF-8 and weight, characters first, each kind in descending order of weight.</summary>
    public static List<(byte[] Token, double Weight)> Find(WordCounts words, UnigramTrainer options)
    {
        var text = new List<int>();
        var characters = new SortedDictionary<int, long>();
        foreach (var word in words.InOrder())
        {
            var bytes = words.Word(word);
            for (var at = 0; at < bytes.Length;)
            {
                var codePoint = Utf8.Next(bytes, ref at);
                text.Add(codePoint);
                characters[codePoint] = characters.GetValueOrDefault(codePoint) + words.Frequency(word);
            }
            text.Add(Boundary);
        }
        var seeds = new List<(byte[] Token, double Weight)>();
        foreach (var (codePoint, count) in characters.OrderByDescending(pair => pair.Value).ThenByDescending(pair => pair.Key))
            seeds.Add((Encode([codePoint]), count));
        int[] flat = [.. text];
        var repeats = Repeats(flat, options.MaxPieceLength);
        repeats.Sort((a, b) => (b.Count * (long)b.Length, b.Start).CompareTo((a.Count * (long)a.Length, a.Start)));
        foreach (var (start, length, count) in repeats.Take(Math.Max(0, options.SeedSize - seeds.Count)))
            seeds.Add((Encode(flat.AsSpan(start, length)), count * (double)length));
        return seeds;
    }

    /// <summary>
    /// Substrings of 2 to <paramref name="maxLength"/> characters that occur more than once and are followed by different characters: the
    /// inner nodes of the suffix tree, found as ranges of the sorted suffixes.
    /// </summary>
    private static List<(int Start, int Length, int Count)> Repeats(int[] text, int maxLength)
    {
        var suffixes = new int[text.Length];
        for (var i = 0; i < suffixes.Length; i++)
            suffixes[i] = i;
        Array.Sort(suffixes, (a, b) => Compare(text, a, b, maxLength + 1));
        var repeats = new List<(int Start, int Length, int Count)>();
        var open = new Stack<(int Length, int First)>();
        for (var i = 1; i <= suffixes.Length; i++)
        {
            var common = i < suffixes.Length ? Common(text, suffixes[i - 1], suffixes[i], maxLength + 1) : 0;
            var first = i - 1;
            while (open.TryPeek(out var top) && top.Length > common)
            {
                open.Pop();
                first = top.First;
                if (top.Length >= 2 && top.Length <= maxLength)
                    repeats.Add((suffixes[first], top.Length, i - first));
            }
            if (common > 0 && (!open.TryPeek(out var below) || below.Length < common))
                open.Push((common, first));
        }
        return repeats;
    }

    private static int Common(int[] text, int a, int b, int limit)
    {
        var length = 0;
        while (length < limit && text[a + length] == text[b + length] && text[a + length] != Boundary)
            length++;
        return length;
    }

    private static int Compare(int[] text, int a, int b, int limit)
    {
        var common = Common(text, a, b, limit);
        var order = common == limit ? 0 : text[a + common].CompareTo(text[b + common]);
        return order != 0 ? order : a.CompareTo(b);
    }

    private static byte[] Encode(ReadOnlySpan<int> codePoints)
    {
        var bytes = new byte[codePoints.Length * 4];
        var length = 0;
        foreach (var codePoint in codePoints)
            length += Utf8.Write(codePoint, bytes.AsSpan(length));
        return bytes[..length];
    }
}
