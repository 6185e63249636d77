using TransformerTorch.Text.Models;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.SentencePiece;

/// <summary>
/// The merges of a sentencepiece BPE model: any two normal pieces that join to a third. Those of the best score go first, and of equal
/// scores the leftmost, so that all ways to one piece share a rank.
/// </summary>
internal static class SentencePieceMerges
{
    private const int MaxPieceLength = 1024;
    private const int MaxMerges = 1 << 24;

    /// <exception cref="TokenizerException">The pieces are too long, or join in too many ways.</exception>
    public static MergeTable Build(IReadOnlyList<SentencePiece> pieces, Vocabulary vocabulary)
    {
        var trie = new ByteTrie(pieces.Count * 3);
        for (var id = 0; id < pieces.Count; id++)
        {
            if (pieces[id].Kind == PieceKind.Normal)
                trie.Add(pieces[id].Text, id);
        }
        var merges = new List<(int Left, int Right, int Rank, int Merged)>();
        var (rank, score) = (0, float.NaN);
        var normal = Enumerable.Range(0, pieces.Count).Where(id => pieces[id].Kind == PieceKind.Normal);
        foreach (var id in normal.OrderByDescending(id => pieces[id].Score))
        {
            if (pieces[id].Score != score)
                (rank, score) = (rank + 1, pieces[id].Score);
            if (pieces[id].Text.Length > MaxPieceLength)
                throw new TokenizerException($"piece {id} has {pieces[id].Text.Length} bytes; {MaxPieceLength} are the most");
            AddSplits(id);
            if (merges.Count > MaxMerges)
                throw new TokenizerException($"the pieces join in more than {MaxMerges} ways");
        }
        var table = new MergeTable(merges.Count);
        foreach (var (left, right, order, merged) in merges)
            table.Add(left, right, order, merged);
        return table;

        void AddSplits(int id)
        {
            var text = pieces[id].Text.AsSpan();
            var node = ByteTrie.Root;
            for (var at = 0; at + 1 < text.Length; at++)
            {
                node = trie.Child(node, text[at]);
                if (trie.Value(node) is >= 0 and var left && !Utf8.IsContinuation(text[at + 1])
                    && vocabulary.Id(text[(at + 1)..]) is >= 0 and var right && pieces[right].Kind == PieceKind.Normal)
                    merges.Add((left, right, rank, id));
            }
        }
    }
}
