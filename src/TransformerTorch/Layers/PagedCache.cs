using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>
/// Keys and values of many sequences in pages of a fixed number of positions (Kwon et al., 2023). A sequence's pages stand anywhere, and
/// several may share one; who has which is the caller's to know. The memory is claimed at once and used as it is written. For inference.
/// </summary>
/// <param name="layers">how many</param>
/// <param name="pages">of each layer</param>
/// <param name="pageSize">positions a page</param>
public sealed class PagedCache(int layers, int pages, int pageSize) : IDisposable
{
    private readonly (Tensor Keys, Tensor Values)?[] _layers = new (Tensor, Tensor)?[layers]; // each (P page, K, D)

    /// <summary>Pages of each layer.</summary>
    public int Pages => pages;

    /// <summary>Positions a page.</summary>
    public int PageSize => pageSize;

    /// <summary>Puts new keys and values (N, K, D) where the slots (N) say.</summary>
    internal (Tensor Keys, Tensor Values) Write(int layer, Tensor slots, Tensor keys, Tensor values)
    {
        var room = _layers[layer] ??= (Room(keys), Room(values));
        room.Keys.index_copy_(0, slots, keys);
        room.Values.index_copy_(0, slots, values);
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

    private Tensor Room(Tensor like)
    {
        using var scope = NewDisposeScope();
        var (_, K, D) = like.Dims3();
        return empty([(long)pages * pageSize, K, D], like.dtype, like.device).DetachFromDisposeScope();
    }
}

/// <summary>A sequence's part of a packed pass: its new tokens, which follow those it has in its pages.</summary>
/// <param name="Count">new tokens</param>
/// <param name="Length">tokens with them</param>
/// <param name="Pages">where they stand, in order; as many as they need at least</param>
public sealed record PagedSpan(int Count, int Length, IReadOnlyList<int> Pages)
{
    /// <summary>Where the position stands in the cache.</summary>
    internal long Slot(int position, int pageSize) => ((long)Pages[position / pageSize] * pageSize) + (position % pageSize);
}
