using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>
/// One pass over the new tokens of several sequences, packed into a row (1, N): everything but attention treats a token like any other,
/// and attention reads each sequence's own pages. Sequences of a single new token come first and are one native call.
/// </summary>
public sealed class PagedBatch : IDisposable
{
    private static readonly NativeSlot s_attention = new("paged_attention");
    private readonly PagedCache _cache;
    private readonly PagedSpan[] _spans;
    private readonly int _single; // sequences of one new token
    private readonly Tensor? _lengths; // (R) of those
    private readonly Group[] _groups;
    private readonly Dictionary<(int Group, int Window), Tensor?[]> _seen = [];
    private readonly Device _device;

    /// <summary>A pass.</summary>
    /// <param name="cache">where keys and values are</param>
    /// <param name="spans">those of a single new token first</param>
    /// <param name="device">the model's</param>
    /// <exception cref="ArgumentException">Longer ones stand before those of a single token.</exception>
    public PagedBatch(PagedCache cache, IEnumerable<PagedSpan> spans, Device device)
    {
        (_cache, _spans, _device) = (cache, [.. spans], device);
        Longest = _spans.Max(s => s.Length);
        _single = _spans.TakeWhile(s => s.Count == 1).Count();
        if (_spans.Skip(_single).Any(s => s.Count == 1)) throw new ArgumentException("sequences of a single new token come first");
        if (!IsNative(device)) _single = 0;
        Positions = Row(_spans.SelectMany(s => Enumerable.Range(s.Length - s.Count, s.Count).Select(p => (long)p)), 1, -1);
        if (_single > 0) _lengths = Row(_spans.Take(_single).Select(s => (long)s.Length), -1);
        _groups = [.. Enumerable.Range(0, cache.Groups).Select(PagesOf)];
    }

    // Sequences of one new token each, whose pages follow one another.
    private PagedBatch(PagedCache cache, int rows, int length, int longest, Device device)
    {
        (_cache, _spans, _device, _single, Longest) = (cache, [], device, rows, longest);
        using var scope = NewDisposeScope();
        var pages = (longest + cache.PageSize - 1) / cache.PageSize;
        Positions = full([1, rows], length, ScalarType.Int64, device).DetachFromDisposeScope();
        _lengths = full([rows], length + 1, ScalarType.Int64, device).DetachFromDisposeScope();
        _groups = [new Group(arange(rows, ScalarType.Int64, device).mul(pages * cache.PageSize).add(length).DetachFromDisposeScope(),
            arange((long)rows * pages, ScalarType.Int64, device).view(rows, pages).DetachFromDisposeScope())];
    }

    /// <summary>
    /// The steps of sequences that grow together: <see cref="Advance"/> moves them on where they are, so that a pass takes nothing from
    /// the host but its ids.
    /// </summary>
    /// <param name="cache">where keys and values are, of one group of layers</param>
    /// <param name="rows">sequences, whose pages follow one another's: as many as hold the longest</param>
    /// <param name="length">tokens that each has already</param>
    /// <param name="longest">tokens that each can have</param>
    /// <param name="device">the model's</param>
    internal static PagedBatch Moving(PagedCache cache, int rows, int length, int longest, Device device) =>
        new(cache, rows, length, longest, device);

    /// <summary>One token on, by the device's own work.</summary>
    internal void Advance()
    {
        Positions.add_(1);
        foreach (var group in _groups) group.Slots.add_(1);
        _lengths!.add_(1);
    }

    /// <summary>(1, N), each token's place in its own sequence.</summary>
    public Tensor Positions { get; }

    /// <summary>The most tokens a sequence has, or can have where it moves on.</summary>
    public int Longest { get; }

    /// <summary>Adds a layer's keys and values (1, N, K, D) to the cache and has its queries (1, N, H, D) attend: (1, N, H, D).</summary>
    /// <param name="layer">which</param>
    /// <param name="q">queries</param>
    /// <param name="k">their tokens' keys</param>
    /// <param name="v">their tokens' values</param>
    /// <param name="arguments">window, scale; a bias is that of keys by position, (1, H or 1, 1, at least <see cref="Longest"/>)</param>
    internal Tensor Attend(int layer, Tensor q, Tensor k, Tensor v, AttentionArguments arguments)
    {
        using var scope = NewDisposeScope();
        var (group, window) = (_cache.GroupOf(layer), arguments.Window);
        var room = _cache.Write(layer, _groups[group].Slots, k, v);
        var parts = new List<Tensor>();
        if (_single > 0)
        {
            var first = q.shape[1] == _single ? q : q.narrow(1, 0, _single);
            parts.Add(Single(first, room, _groups[group].Pages!, arguments));
        }
        long start = _single;
        for (var i = _single; i < _spans.Length; start += _spans[i++].Count)
        {
            var (span, seen) = (_spans[i], Seen(group, window)[i - _single]);
            var keys = seen is null ? k.narrow(1, start, span.Count) : room.Keys.index_select(0, seen).unsqueeze(0); // (1, Tk, K, D)
            var values = seen is null ? v.narrow(1, start, span.Count) : room.Values.index_select(0, seen).unsqueeze(0);
            var terms = new AttentionTerms { Bias = arguments.Terms.Bias?.narrow(-1, span.Length - keys.shape[1], keys.shape[1]) };
            parts.Add(AttentionKernel.Run(q.narrow(1, start, span.Count), keys, values, arguments with { Terms = terms }));
        }
        return (parts.Count == 1 ? parts[0] : cat([.. parts], 1)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Positions.Dispose();
        _lengths?.Dispose();
        foreach (var (slots, pages) in _groups)
        {
            slots.Dispose();
            pages?.Dispose();
        }
        foreach (var seen in _seen.Values.SelectMany(s => s)) seen?.Dispose();
    }

    private Tensor Single(Tensor q, (Tensor Keys, Tensor Values) room, Tensor pages, AttentionArguments a)
        => s_attention.Get()!.Call(q, room.Keys, room.Values, pages, _lengths, (long)_cache.PageSize, a.Terms.Bias, (long)a.Window,
            a.Scale ?? (1 / Math.Sqrt(q.shape[3])), a.SoftCap); // (1, R, H, D)

    /// <summary>Where a group's layers put the new tokens, and the pages of sequences of one.</summary>
    private Group PagesOf(int group)
    {
        var size = _cache.PageSize;
        var slots = Row(_spans.SelectMany(s => s.Slots(group, s.Length - s.Count, size)), -1);
        if (_single == 0) return new Group(slots, null);
        var most = _spans.Take(_single).Max(s => (s.Length + size - 1) / size);
        return new Group(slots, Row(_spans.Take(_single).SelectMany(s => Enumerable.Range(0, most)
            .Select(i => i < s.Pages[group].Count ? (long)s.Pages[group][i] : 0)), _single, most));
    }

    /// <summary>By longer sequence, the slots (Tk) of all positions that its new tokens see; null: they see each other alone.</summary>
    private Tensor?[] Seen(int group, int window)
    {
        if (_seen.TryGetValue((group, window), out var known)) return known;
        return _seen[(group, window)] = [.. _spans.Skip(_single).Select(s => s.Count == s.Length ? null
            : Row(s.Slots(group, s.First(window), _cache.PageSize), -1))];
    }

    private Tensor Row(IEnumerable<long> values, params long[] shape)
    {
        using var scope = NewDisposeScope();
        return tensor([.. values], device: _device).view(shape).DetachFromDisposeScope();
    }

    /// <summary>Whether single tokens are one native call.</summary>
    internal static bool IsNative(Device device)
        => device.type is TorchSharp.DeviceType.CPU or TorchSharp.DeviceType.CUDA && s_attention.Get() is not null;

    /// <param name="Slots">(N)</param>
    /// <param name="Pages">(R, M)</param>
    private readonly record struct Group(Tensor Slots, Tensor? Pages);
}
