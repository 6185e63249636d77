using TransformerTorch.Text;

namespace TransformerTorch.Generation.Grammars;

/// <summary>A vocabulary's tokens by their bytes, so that a grammar is asked once for all that begin alike.</summary>
public sealed class TokenTrie
{
    private const int MostKept = 64; // a few hundred kilobytes each
    private static readonly string s_ascii = string.Concat(Enumerable.Range('!', 0x7F - '!').Select(c => (char)c));
    private readonly List<Node> _nodes = [new Node()];
    private readonly byte[][] _tokens;
    private readonly bool[] _quotes;
    private readonly Dictionary<GrammarState, int[]> _costs = [];
    private readonly Queue<GrammarState> _oldest = [];

    private sealed class Node
    {
        public SortedList<byte, int> Children { get; } = [];

        public List<int> Tokens { get; } = [];
    }

    /// <summary>The tokens of a vocabulary; those without text are in none.</summary>
    public TokenTrie(Tokenizer tokenizer, int vocabularySize)
    {
        _tokens = [.. Enumerable.Range(0, vocabularySize).Select(tokenizer.TokenBytes)];
        _quotes = [.. _tokens.Select(t => t.Contains((byte)'"'))];
        for (var id = 0; id < vocabularySize; id++)
        {
            var at = 0;
            foreach (var value in _tokens[id]) at = Child(at, value);
            if (_tokens[id].Length > 0) _nodes[at].Tokens.Add(id);
        }
    }

    /// <summary>Each visible character of ASCII, and each byte of a text, is to be a token by itself: so JSON can be ended.</summary>
    /// <exception cref="SchemaException">One is none.</exception>
    internal void Require(string text)
    {
        foreach (var value in System.Text.Encoding.UTF8.GetBytes(s_ascii + text))
            if (!_nodes[0].Children.TryGetValue(value, out var child) || _nodes[child].Tokens.Count == 0)
                throw new SchemaException($"no token of this model is '{(char)value}' alone, without which JSON may come to no end");
    }

    /// <summary>Whether a token has a quotation mark.</summary>
    internal bool HasQuote(int id) => _quotes[id];

    /// <summary>A token's bytes.</summary>
    internal ReadOnlySpan<byte> Bytes(int id) => _tokens[id];

    /// <summary>By token, the fewest bytes to an end after it; <see cref="Rule.Never"/> where it does not fit.</summary>
    internal int[] Costs(GrammarState state)
    {
        lock (_costs)
            if (_costs.TryGetValue(state, out var known)) return known;
        state.Begin();
        var costs = new int[_tokens.Length];
        Array.Fill(costs, Rule.Never);
        var open = new Stack<(int Node, GrammarState State)>([(0, state)]);
        while (open.TryPop(out var top))
        {
            foreach (var token in _nodes[top.Node].Tokens) costs[token] = top.State.Least;
            foreach (var (value, child) in _nodes[top.Node].Children)
                if (top.State.Step(value) is { } next) open.Push((child, next));
        }
        lock (_costs)
        {
            if (_costs.TryAdd(state, costs)) _oldest.Enqueue(state);
            if (_oldest.Count > MostKept) _costs.Remove(_oldest.Dequeue());
        }
        return costs;
    }

    private int Child(int node, byte value)
    {
        if (_nodes[node].Children.TryGetValue(value, out var child)) return child;
        _nodes.Add(new Node());
        return _nodes[node].Children[value] = _nodes.Count - 1;
    }
}
