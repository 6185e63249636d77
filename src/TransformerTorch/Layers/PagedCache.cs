using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>
/// Keys and values of many sequences in pages of a fixed number of positions (Kwon et al., 2023). A sequence's pages stand anywhere, and
/// several may share one; who has which is the caller's to know. Layers of a group have the same pages: those that forget what lies beyond
/// a window need fewer than those that do not. The memory is claimed at once and used as it is written. For inference.
/// </summary>
/// <param name="groups">of each layer, which group of layers it is of</param>
/// <param name="pages">of each layer of a group</param>
/// <param name="pageSize">positions a page</param>
public sealed class PagedCache(IReadOnlyList<int> groups, IReadOnlyList<int> pages, int pageSize) : IDisposable
{
    private readonly (Tensor Keys, Tensor Values)?[] _layers = new (Tensor, Tensor)?[groups.Count]; // each (P page, K, D)

    /// <summary>Groups of layers.</summary>
    public int Groups => pages.Count;

    /// <summary>Positions a page.</summary>
    public int PageSize => pageSize;

    /// <summary>The group of a layer.</summary>
    public int GroupOf(int layer) => groups[layer];

    /// <summary>Puts new keys and values (1, N, K, D) where the slots (N) say.</summary>
    internal (Tensor Keys, Tensor Values) Write(int layer, Tensor slots, Tensor keys, Tensor values)
    {
        var room = _layers[layer] ??= (Room(layer, keys), Room(layer, values));
        Operators.PlaceHeads(keys, values, room, slots);
        return room;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var layer in _layers)
        {
            layer?.Keys.Dispose();
            layer?.Values.Dispose();
        }
    }

    private Tensor Room(int layer, Tensor like)
    {
        using var scope = NewDisposeScope();
        var (_, _, K, D) = like.Dims4();
        return empty([(long)pages[groups[layer]] * pageSize, K, D], like.dtype, like.device).DetachFromDisposeScope();
    }
}

/// <summary>A sequence's part of a packed pass: its new tokens, which follow those it has in its pages.</summary>
/// <param name="Count">new tokens</param>
/// <param name="Length">tokens with them</param>
/// <param name="Pages">by group of layers, where they stand, in order; those that a layer does not see any more mean nothing</param>
public sealed record PagedSpan(int Count, int Length, IReadOnlyList<IReadOnlyList<int>> Pages)
{
    /// <summary>The first position that its new tokens see through a window; 0: no window.</summary>
    internal int First(int window) => window == 0 ? 0 : Math.Max(0, Length - Count - window + 1);

    /// <summary>Where the positions from one on stand in the cache.</summary>
    internal IEnumerable<long> Slots(int group, int from, int pageSize)
    {
        var pages = Pages[group];
        for (var position = from; position < Length; position++)
            yield return ((long)pages[position / pageSize] * pageSize) + (position % pageSize);
    }
}
