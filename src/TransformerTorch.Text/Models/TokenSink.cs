using System.Runtime.CompilerServices;

namespace TransformerTorch.Text.Models;

/// <summary>What a model made of one piece of text: ids, and for each the bytes of the piece that it covers.</summary>
internal sealed class TokenSink
{
    public int[] Ids { get; private set; } = new int[64];

    public int[] Starts { get; private set; } = new int[64];

    public int[] Ends { get; private set; } = new int[64];

    /// <summary>The text of token i where it is not the vocabulary's (unknown pieces of Unigram).</summary>
    public Dictionary<int, string> Values { get; } = [];

    public int Count { get; private set; }

    public void Clear()
    {
        Count = 0;
        if (Values.Count > 0)
            Values.Clear();
    }

    /// <summary>Forgets all but the first <paramref name="count"/> tokens.</summary>
    public void Truncate(int count) => Count = count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(int id, int start, int end)
    {
        if (Count == Ids.Length)
            Reserve(Count * 2);
        Ids[Count] = id;
        Starts[Count] = start;
        Ends[Count++] = end;
    }

    /// <summary>Makes room for so many tokens in all.</summary>
    public void Reserve(int size)
    {
        if (size <= Ids.Length)
            return;
        var (ids, starts, ends) = (Ids, Starts, Ends);
        Array.Resize(ref ids, size);
        Array.Resize(ref starts, size);
        Array.Resize(ref ends, size);
        (Ids, Starts, Ends) = (ids, starts, ends);
    }
}
