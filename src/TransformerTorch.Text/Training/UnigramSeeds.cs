using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Training;

/// <summary>The pieces that unigram training begins with: all characters, and the repeated substrings that cover most text.</summary>
internal static class UnigramSeeds
{
    private const int Boundary = -1;

    private readonly record struct Repeat(int Start, int Length, int Count)
    {
        public long Weight => Count * (long)Length;
    }

    /// <summary>UTF-8 and weight, characters first, each kind in descending order of weight.</summary>
    public static List<(byte[] Token, double Weight)> Find(WordCounts words, UnigramTrainer options)
    {
        var characters = new SortedDictionary<int, long>();
        var text = Spell(words, characters);
        var seeds = new List<(byte[] Token, double Weight)>();
        foreach (var (codePoint, count) in characters.OrderByDescending(pair => pair.Value).ThenByDescending(pair => pair.Key))
            seeds.Add((Encode([codePoint]), count));
        foreach (var repeat in Repeats(text, options.MaxPieceLength, Math.Max(0, options.SeedSize - seeds.Count)))
            seeds.Add((Encode(text.AsSpan(repeat.Start, repeat.Length)), repeat.Weight));
        return seeds;
    }

    /// <summary>The words' code points, a boundary behind each word; counts the characters.</summary>
    private static int[] Spell(WordCounts words, SortedDictionary<int, long> characters)
    {
        long length = 0;
        for (var word = 0; word < words.Count; word++)
            length += Utf8.CountCodePoints(words.Word(word)) + 1;
        if (length > Array.MaxLength)
            throw new TokenizerException($"the different words have {length} characters in all, which is more than can be searched");
        var text = new int[length];
        var end = 0;
        foreach (var word in words.InOrder())
        {
            var bytes = words.Word(word);
            for (var at = 0; at < bytes.Length;)
            {
                var codePoint = text[end++] = Utf8.Next(bytes, ref at);
                characters[codePoint] = characters.GetValueOrDefault(codePoint) + words.Frequency(word);
            }
            text[end++] = Boundary;
        }
        return text;
    }

    /// <summary>
    /// Substrings of 2 to <paramref name="maxLength"/> characters that occur more than once and are followed by different characters: the
    /// inner nodes of the suffix tree, found as ranges of the sorted suffixes. The best so many, best first.
    /// </summary>
    private static List<Repeat> Repeats(int[] text, int maxLength, int most)
    {
        var suffixes = new int[text.Length];
        for (var i = 0; i < suffixes.Length; i++)
            suffixes[i] = i;
        Array.Sort(suffixes, (a, b) => Compare(text, a, b, maxLength + 1));
        var repeats = new List<Repeat>();
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
                    repeats.Add(new Repeat(suffixes[first], top.Length, i - first));
            }
            if (repeats.Count > most * 2L + 1024)
                KeepBest(repeats, most); // so that memory is bounded by what is asked for
            if (common > 0 && (!open.TryPeek(out var below) || below.Length < common))
                open.Push((common, first));
        }
        KeepBest(repeats, most);
        return repeats;
    }

    private static void KeepBest(List<Repeat> repeats, int most)
    {
        repeats.Sort((a, b) => (b.Weight, b.Start, b.Length).CompareTo((a.Weight, a.Start, a.Length)));
        if (repeats.Count > most)
            repeats.RemoveRange(most, repeats.Count - most);
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
