using TransformerTorch.Text.Models;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Training;

/// <summary>
/// All ways to put a word together from pieces; a character that is no piece is the unknown one, numbered behind the last piece.
/// </summary>
internal sealed class UnigramLattice
{
    private const double UnknownPenalty = 10;

    private readonly record struct Edge(int Start, int End, int Id, double Score);

    private readonly ByteTrie _trie;
    private readonly double[] _scores;
    private readonly double _unknownScore;
    private readonly List<Edge> _edges = []; // in ascending order of start
    private double[] _forward = new double[64];
    private double[] _backward = new double[64];
    private int[] _last = new int[64];

    public UnigramLattice(List<(byte[] Token, double Score)> pieces)
    {
        _trie = new ByteTrie(pieces.Count * 3);
        _scores = new double[pieces.Count];
        for (var id = 0; id < pieces.Count; id++)
        {
            _trie.Add(pieces[id].Token, id);
            _scores[id] = pieces[id].Score;
        }
        _unknownScore = (_scores.Length == 0 ? 0 : _scores.Min()) - UnknownPenalty;
    }

    private UnigramLattice(UnigramLattice other) => (_trie, _scores, _unknownScore) = (other._trie, other._scores, other._unknownScore);

    /// <summary>Another one over the same pieces, for another thread.</summary>
    public UnigramLattice Another() => new(this);

    /// <summary>
    /// Adds to <paramref name="sums"/> how often each piece is expected in so many occurrences of <paramref name="word"/>.
    /// </summary>
    public void AddExpected(ReadOnlySpan<byte> word, double frequency, double[] sums)
    {
        Build(word, withoutWhole: false);
        Array.Fill(_forward, double.NegativeInfinity, 0, word.Length + 1);
        Array.Fill(_backward, double.NegativeInfinity, 0, word.Length + 1);
        _forward[0] = _backward[word.Length] = 0;
        foreach (var edge in _edges)
            _forward[edge.End] = LogSum(_forward[edge.End], _forward[edge.Start] + edge.Score);
        for (var i = _edges.Count - 1; i >= 0; i--)
            _backward[_edges[i].Start] = LogSum(_backward[_edges[i].Start], _backward[_edges[i].End] + _edges[i].Score);
        foreach (var edge in _edges)
            sums[edge.Id] += frequency * Math.Exp(_forward[edge.Start] + edge.Score + _backward[edge.End] - _forward[word.Length]);
    }

    /// <summary>
    /// The best pieces for <paramref name="word"/>, from its end to its start; optionally leaving the piece that is all of it aside.
    /// </summary>
    public List<int> Best(ReadOnlySpan<byte> word, bool withoutWhole)
    {
        Build(word, withoutWhole);
        Array.Fill(_forward, double.NegativeInfinity, 0, word.Length + 1);
        _forward[0] = 0;
        for (var i = 0; i < _edges.Count; i++)
        {
            var score = _forward[_edges[i].Start] + _edges[i].Score;
            if (score > _forward[_edges[i].End])
                (_forward[_edges[i].End], _last[_edges[i].End]) = (score, i);
        }
        var best = new List<int>();
        if (double.IsNegativeInfinity(_forward[word.Length]))
            return best;
        for (var end = word.Length; end > 0; end = _edges[_last[end]].Start)
            best.Add(_edges[_last[end]].Id);
        return best;
    }

    private void Build(ReadOnlySpan<byte> word, bool withoutWhole)
    {
        if (_forward.Length <= word.Length)
        {
            _forward = new double[word.Length * 2];
            _backward = new double[word.Length * 2];
            _last = new int[word.Length * 2];
        }
        _edges.Clear();
        for (var start = 0; start < word.Length;)
        {
            var length = Utf8.LengthFromFirst(word[start]);
            var single = false;
            var node = ByteTrie.Root;
            for (var at = start; at < word.Length && (node = _trie.Child(node, word[at])) >= 0; at++)
            {
                if (_trie.Value(node) is not (>= 0 and var id) || (withoutWhole && at + 1 - start == word.Length))
                    continue;
                _edges.Add(new Edge(start, at + 1, id, _scores[id]));
                single |= at + 1 - start == length;
            }
            if (!single && !(withoutWhole && length == word.Length))
                _edges.Add(new Edge(start, start + length, _scores.Length, _unknownScore));
            start += length;
        }
    }

    private static double LogSum(double a, double b)
    {
        var (low, high) = a < b ? (a, b) : (b, a);
        return double.IsNegativeInfinity(low) ? high : high + Math.Log(1 + Math.Exp(low - high));
    }
}
