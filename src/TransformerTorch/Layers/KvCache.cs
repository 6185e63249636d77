using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>
/// Keys and values of the positions already computed, for every layer; it owns the offset, the storage and the padding mask. Storage is
/// allocated ahead and doubles when it is full. For inference: nothing of it is differentiable.
/// </summary>
public sealed class KvCache : IDisposable
{
    private readonly (Tensor Keys, Tensor Values)?[] _layers; // each (B, capacity, K, D)
    private readonly long _capacity;
    private Tensor? _mask; // (B, Offset); null while no position was padding

    /// <summary>An empty cache.</summary>
    /// <param name="layers">how many layers write to it</param>
    /// <param name="capacity">positions to make room for at first</param>
    public KvCache(int layers, long capacity) => (_layers, _capacity) = (new (Tensor, Tensor)?[layers], Math.Max(capacity, 1));

    /// <summary>How many positions are held; the next one's index.</summary>
    public long Offset { get; private set; }

    /// <summary>
    /// Adds a layer's new keys and values (B, T, K, D) and returns all of that layer's so far (B, Offset + T, K, D), as views.
    /// </summary>
    public (Tensor Keys, Tensor Values) Append(int layer, Tensor keys, Tensor values)
    {
        using var _ = no_grad();
        var (B, T, K, D) = keys.Dims4();
        var (storedKeys, storedValues) = Room(layer, keys, Offset + T);
        using (storedKeys.narrow(1, Offset, T).copy_(keys))
        using (storedValues.narrow(1, Offset, T).copy_(values))
            return (storedKeys.narrow(1, 0, Offset + T), storedValues.narrow(1, 0, Offset + T));
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

    /// <summary>Keeps these rows of the batch, in this order (beam search).</summary>
    /// <param name="rows">(B') int64</param>
    public void Select(Tensor rows)
    {
        using var _ = no_grad();
        for (var i = 0; i < _layers.Length; i++)
            if (_layers[i] is { } layer) _layers[i] = (Rows(layer.Keys, rows), Rows(layer.Values, rows));
        if (_mask is not null) _mask = Rows(_mask, rows);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var layer in _layers)
        {
            layer?.Keys.Dispose();
            layer?.Values.Dispose();
        }
        _mask?.Dispose();
    }

    private (Tensor Keys, Tensor Values) Room(int layer, Tensor like, long length)
    {
        if (_layers[layer] is { } held && held.Keys.shape[1] >= length) return held;
        var (B, _, K, D) = like.Dims4();
        var capacity = _layers[layer] is { } full ? Math.Max(2 * full.Keys.shape[1], length) : Math.Max(_capacity, length);
        var (keys, values) = (New(), New());
        if (_layers[layer] is { } old)
        {
            Move(old.Keys, keys);
            Move(old.Values, values);
        }
        _layers[layer] = (keys, values);
        return (keys, values);

        Tensor New() => empty([B, capacity, K, D], like.dtype, like.device).DetachFromDisposeScope();
    }

    private void Move(Tensor from, Tensor to)
    {
        using var target = to.narrow(1, 0, Offset);
        using var source = from.narrow(1, 0, Offset);
        target.copy_(source);
        from.Dispose();
    }

    private static Tensor Rows(Tensor old, Tensor rows)
    {
        var chosen = old.index_select(0, rows).DetachFromDisposeScope();
        old.Dispose();
        return chosen;
    }
}
