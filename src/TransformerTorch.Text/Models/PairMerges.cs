using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Models;

/// <summary>A text that byte pairs may join to.</summary>
/// <param name="Text">UTF-8; symbols are characters.</param>
/// <param name="Score">The best goes first.</param>
/// <param name="Id">Its id.</param>
internal readonly record struct PairPart(byte[] Text, float Score, int Id);

/// <summary>
/// The merges where a file only lists what they lead to, as sentencepiece and tiktoken have it: any two parts that join to a third. Those
/// of the best score go first, and of equal scores the leftmost, so that all ways to one part share a rank.
/// </summary>
internal static class PairMerges
{
    private const int MaxLength = 1024;
    private const int MaxMerges = 1 << 24;

    /// <exception cref="TokenizerException">The parts are too long, or join in too many ways.</exception>
    public static MergeTable Build(IReadOnlyList<PairPart> parts)
    {
        var trie = new ByteTrie(parts.Count * 3);
        var indices = new Vocabulary(parts.Count);
        for (var i = 0; i < parts.Count; i++)
        {
            if (parts[i].Text.Length > MaxLength)
                throw new TokenizerException($"token {parts[i].Id} has {parts[i].Text.Length} bytes; {MaxLength} are the most");
            trie.Add(parts[i].Text, i);
            indices.Add(parts[i].Text, i);
        }
        var merges = new List<(int Left, int Right, int Rank, int Merged)>();
        var (rank, score) = (0, float.NaN);
        foreach (var part in parts.OrderByDescending(part => part.Score))
        {
            if (part.Score != score)
                (rank, score) = (rank + 1, part.Score);
            AddSplits(part);
            if (merges.Count > MaxMerges)
                throw new TokenizerException($"the tokens join in more than {MaxMerges} ways");
        }
        var table = new MergeTable(merges.Count);
        foreach (var (left, right, order, merged) in merges)
            table.Add(left, right, order, merged);
        return table;

        void AddSplits(in PairPart part)
        {
            var text = part.Text.AsSpan();
            var node = ByteTrie.Root;
            for (var at = 0; at + 1 < text.Length; at++)
            {
                node = trie.Child(node, text[at]);
                if (trie.Value(node) is >= 0 and var left && !Utf8.IsContinuation(text[at + 1])
                    && indices.Id(text[(at + 1)..]) is >= 0 and var right)
                    merges.Add((parts[left].Id, parts[right].Id, rank, part.Id));
            }
        }
    }
}
