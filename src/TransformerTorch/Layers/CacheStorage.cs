using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>
/// One layer's keys and values. Positions are added at the end; when that is reached, those still in the window move to the front, and
/// where that frees less than half the room it doubles. So a position is moved a bounded number of times, however long the text.
/// </summary>
internal sealed class CacheStorage : IDisposable
{
    // Each (B, capacity, K, D); what a head holds lies together, since it is read together.
    private (Tensor Keys, Tensor Values)? _room;
    private long _start, _end; // what is held

    public (Tensor Keys, Tensor Values) Append(Tensor keys, Tensor values, int window, long capacity)
    {
        var T = keys.shape[1];
        if (window > 0) _start = Math.Max(_start, _end - window + 1); // the oldest that the first new position sees
        var least = window > 0 ? Math.Min(capacity, 2L * window) : capacity;
        if (_room is not { } room || _end + T > room.Keys.shape[1]) room = MakeRoom(keys, T, least);
        var held = Operators.AppendHeads(keys, values, room, _start, _end);
        _end += T;
        return held;
    }

    public Device Device => _room!.Value.Keys.device;

    public void Select(Tensor rows)
    {
        if (_room is { } room) _room = (Chosen(room.Keys), Chosen(room.Values));

        Tensor Chosen(Tensor old)
        {
            using var scope = NewDisposeScope();
            using var before = old;
            return old.transpose(1, 2).index_select(0, rows).transpose(1, 2).DetachFromDisposeScope();
        }
    }

    /// <summary>Writes what some rows (N) hold over what others (N) hold.</summary>
    public void Inherit(Tensor from, Tensor to)
    {
        if (_room is not { } room) return;
        foreach (var all in new[] { room.Keys, room.Values })
        {
            var held = all.narrow(1, _start, _end - _start);
            held.index_copy_(0, to, held.index_select(0, from));
        }
    }

    public void Dispose()
    {
        _room?.Keys.Dispose();
        _room?.Values.Dispose();
    }

    private (Tensor Keys, Tensor Values) MakeRoom(Tensor like, long more, long least)
    {
        var held = _end - _start;
        var capacity = _room is { } full ? full.Keys.shape[1] : least;
        while (capacity < held + more || (_room is not null && capacity < 2 * held)) capacity *= 2;
        var room = (Moved(_room?.Keys, like, capacity, held), Moved(_room?.Values, like, capacity, held));
        Dispose();
        (_room, _start, _end) = (room, 0, held);
        return room;
    }

    private Tensor Moved(Tensor? old, Tensor like, long capacity, long held)
    {
        using var scope = NewDisposeScope();
        var (B, _, K, D) = like.Dims4();
        var room = empty([B, K, capacity, D], like.dtype, like.device).transpose(1, 2);
        if (held > 0) room.narrow(1, 0, held).copy_(old!.narrow(1, _start, held));
        return room.DetachFromDisposeScope();
    }
}
