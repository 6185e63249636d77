using System.Numerics;
using System.Runtime.CompilerServices;

namespace TransformerTorch.Text.Models;

/// <summary>Byte strings and a number for each, walked byte by byte: one hash table holds the edges of all nodes.</summary>
internal sealed class ByteTrie
{
    private struct Edge
    {
        public uint Key; // number of the parent's edge and the byte: see Key
        public int Child;
    }

    public const int Root = 0;

    private Edge[] _edges;
    private int[] _values;
    private int _shift;
    private int _nodes = 1;

    public ByteTrie(int expectedNodes = 64)
    {
        var size = BitOperations.RoundUpToPowerOf2((uint)Math.Max(128, expectedNodes * 2L));
        _edges = new Edge[size];
        _shift = 32 - BitOperations.Log2(size);
        _values = new int[size / 2 + 1];
        _values[Root] = -1;
    }

    public bool IsEmpty => _nodes == 1;

    /// <summary>Adds a string; nodes number at most 2^24.</summary>
    public void Add(ReadOnlySpan<byte> text, int value)
    {
        var node = Root;
        foreach (var part in text)
            node = ChildOrNew(node, part);
        _values[node] = value;
    }

    /// <summary>The node behind <paramref name="node"/> for a byte, or -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Child(int node, byte part)
    {
        ref var edge = ref Find(Key(node, part));
        return edge.Child == 0 ? -1 : edge.Child;
    }

    /// <summary>The number of the string that ends at <paramref name="node"/>, or -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Value(int node) => _values[node];

    /// <summary>The longest string that <paramref name="text"/> begins with: its length and number, or 0 and -1.</summary>
    public (int Length, int Value) Longest(ReadOnlySpan<byte> text)
    {
        var best = (Length: 0, Value: -1);
        var node = Root;
        for (var at = 0; at < text.Length; at++)
        {
            node = Child(node, text[at]);
            if (node < 0)
                break;
            if (_values[node] >= 0)
                best = (at + 1, _values[node]);
        }
        return best;
    }

    private int ChildOrNew(int node, byte part)
    {
        ref var edge = ref Find(Key(node, part));
        if (edge.Child != 0)
            return edge.Child;
        if (_nodes == 1 << 24)
            throw new TokenizerException("the tokens are too many and too long: their common beginnings fill more than 2^24 nodes");
        edge = new Edge { Key = Key(node, part), Child = _nodes };
        _values[_nodes] = -1;
        if (++_nodes * 2 > _edges.Length)
            Grow();
        return _nodes - 1;
    }

    private static uint Key(int node, byte part) => (uint)node << 8 | part;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref Edge Find(uint key)
    {
        var mask = _edges.Length - 1;
        var at = (int)(key * 0x9E3779B1 >> _shift);
        while (_edges[at].Child != 0 && _edges[at].Key != key)
            at = at + 1 & mask;
        return ref _edges[at];
    }

    private void Grow()
    {
        var edges = _edges;
        _edges = new Edge[edges.Length * 2];
        _shift--;
        Array.Resize(ref _values, _edges.Length / 2 + 1);
        foreach (var edge in edges)
        {
            if (edge.Child != 0)
                Find(edge.Key) = edge;
        }
    }
}
