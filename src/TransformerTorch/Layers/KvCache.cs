using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>
/// Keys and values of the positions already computed, for every layer; it owns the offset, the storage and the padding mask. Storage is
/// allocated ahead and doubles when it is full; a layer with a window forgets what lies outside it. Keys and values of a memory are
/// computed once. For inference: nothing of it is differentiable.
/// </summary>
public sealed class KvCache : IDisposable
{
    private readonly Layer[] _layers;
    private readonly long _capacity;
    private Tensor? _mask; // (B, Offset); null while no position was padding

    /// <summary>An empty cache.</summary>
    /// <param name="windows">for each layer how many positions it can see, its own included; 0: all</param>
    /// <param name="capacity">positions to make room for at first</param>
    public KvCache(IEnumerable<int> windows, long capacity)
        => (_layers, _capacity) = ([.. windows.Select(w => new Layer(w))], Math.Max(capacity, 1));

    /// <summary>How many positions were added; the next one's index.</summary>
    public long Offset { get; private set; }

    /// <summary>Whether it has keys and values of a memory, which is not needed any more then.</summary>
    public bool HoldsMemory => _layers.Length > 0 && _layers[^1].Memory is not null;

    /// <summary>
    /// Adds a layer's new keys and values (B, T, K, D) and returns what that layer holds with them (B, Tk, K, D), as views: all
    /// positions, or with a window at least those that the new ones see.
    /// </summary>
    public (Tensor Keys, Tensor Values) Append(int layer, Tensor keys, Tensor values)
        => _layers[layer].Own.Append(keys, values, _layers[layer].Window, _capacity);

    /// <summary>A layer's keys and values of the memory, read the first time.</summary>
    public (Tensor Keys, Tensor Values) Memory(int layer, Func<(Tensor Keys, Tensor Values)> read)
    {
        if (_layers[layer].Memory is { } held) return held;
        using var _ = no_grad();
        var (keys, values) = read();
        _layers[layer].Memory = (keys.alias().DetachFromDisposeScope(), values.alias().DetachFromDisposeScope());
        return (keys, values);
    }

    /// <summary>The mask (B, Offset + T) of real positions with that of the new ones added; null where there was never padding.</summary>
    public Tensor? ExtendMask(Tensor? mask, long batch, long length)
    {
        if (mask is null && _mask is null) return null;
        using var scope = NewDisposeScope();
        var device = (mask ?? _mask)!.device;
        var before = _mask ?? ones([batch, Offset], ScalarType.Int64, device);
        var after = mask?.to(ScalarType.Int64) ?? ones([batch, length], ScalarType.Int64, device);
        var all = cat([before, after], 1);
        _mask?.Dispose();
        _mask = all.DetachFromDisposeScope();
        return _mask;
    }

    /// <summary>Counts the positions that every layer has appended.</summary>
    public void Advance(long positions) => Offset += positions;

    /// <summary>
    /// Gives each row what its parent has of its own (beam search): rows that are their own parents stay where they are. A row and its
    /// parent have the same memory and the same padding.
    /// </summary>
    /// <param name="parents">for each row</param>
    public void Inherit(IReadOnlyList<int> parents)
    {
        int[] heirs = [.. Enumerable.Range(0, parents.Count).Where(row => parents[row] != row)];
        if (heirs.Length == 0) return;
        using var _ = no_grad();
        using var scope = NewDisposeScope();
        var device = _layers[0].Own.Device;
        var (from, to) = (tensor([.. heirs.Select(row => (long)parents[row])], device: device),
            tensor([.. heirs.Select(row => (long)row)], device: device));
        foreach (var layer in _layers) layer.Own.Inherit(from, to);
    }

    /// <summary>Keeps these rows of the batch, in this order, with their memory and padding.</summary>
    /// <param name="rows">(B') int64</param>
    public void Select(Tensor rows)
    {
        using var _ = no_grad();
        foreach (var layer in _layers)
        {
            layer.Own.Select(rows);
            if (layer.Memory is { } m) layer.Memory = (Rows(m.Keys, rows), Rows(m.Values, rows));
        }
        if (_mask is not null) _mask = Rows(_mask, rows);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var layer in _layers)
        {
            layer.Own.Dispose();
            layer.Memory?.Keys.Dispose();
            layer.Memory?.Values.Dispose();
        }
        _mask?.Dispose();
    }

    internal static Tensor Rows(Tensor old, Tensor rows)
    {
        var chosen = old.index_select(0, rows).DetachFromDisposeScope();
        old.Dispose();
        return chosen;
    }

    private sealed class Layer(int window)
    {
        public int Window => window;

        public CacheStorage Own { get; } = new();

        public (Tensor Keys, Tensor Values)? Memory { get; set; }
    }
}
