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
    private readonly Tensor _slots; // (N)
    private readonly Tensor? _pages, _lengths; // (R, M), (R) of those
    private readonly Tensor?[] _held; // by longer sequence, the slots (Tk) of all its positions; null: its new tokens are all it has

    /// <summary>A pass.</summary>
    /// <param name="cache">where keys and values are</param>
    /// <param name="spans">those of a single new token first</param>
    /// <param name="device">the model's</param>
    /// <exception cref="ArgumentException">Longer ones stand before those of a single token.</exception>
    public PagedBatch(PagedCache cache, IEnumerable<PagedSpan> spans, Device device)
    {
        (_cache, _spans) = (cache, [.. spans]);
        _single = _spans.TakeWhile(s => s.Count == 1).Count();
        if (_spans.Skip(_single).Any(s => s.Count == 1)) throw new ArgumentException("sequences of a single new token come first");
        using var scope = NewDisposeScope();
        var size = cache.PageSize;
        Positions = Row(_spans.SelectMany(s => Enumerable.Range(s.Length - s.Count, s.Count).Select(p => (long)p))).view(1, -1);
        _slots = Row(_spans.SelectMany(s => Enumerable.Range(s.Length - s.Count, s.Count).Select(p => s.Slot(p, size))));
        _held = [.. _spans.Skip(_single).Select(s => s.Count == s.Length ? null
            : Row(Enumerable.Range(0, s.Length).Select(p => s.Slot(p, size))))];
        if (_single > 0 && IsNative(device))
        {
            var most = _spans.Take(_single).Max(s => PagesOf(s));
            _pages = Row(_spans.Take(_single).SelectMany(s => Enumerable.Range(0, most)
                .Select(i => i < PagesOf(s) ? (long)s.Pages[i] : 0))).view(_single, most);
            _lengths = Row(_spans.Take(_single).Select(s => (long)s.Length));
        }
        foreach (var kept in new[] { Positions, _slots, _pages, _lengths }.Concat(_held)) kept?.DetachFromDisposeScope();

        Tensor Row(IEnumerable<long> values) => tensor([.. values], device: device);
        int PagesOf(PagedSpan span) => (span.Length + size - 1) / size;
    }

    /// <summary>(1, N), each token's place in its own sequence.</summary>
    public Tensor Positions { get; }

    /// <summary>The most tokens a sequence has.</summary>
    public int Longest => _spans.Max(s => s.Length);

    /// <summary>Adds a layer's keys and values (1, N, K, D) to the cache and has its queries (1, N, H, D) attend: (1, N, H, D).</summary>
    /// <param name="layer">which</param>
    /// <param name="q">queries</param>
    /// <param name="k">their tokens' keys</param>
    /// <param name="v">their tokens' values</param>
    /// <param name="arguments">window, scale; a bias is that of keys by position, (1, H or 1, 1, at least <see cref="Longest"/>)</param>
    internal Tensor Attend(int layer, Tensor q, Tensor k, Tensor v, AttentionArguments arguments)
    {
        using var scope = NewDisposeScope();
        var room = _cache.Write(layer, _slots, k.squeeze(0), v.squeeze(0));
        var parts = new List<Tensor>();
        if (_pages is not null) parts.Add(Single(q.squeeze(0).narrow(0, 0, _single), room, arguments));
        long start = _pages is null ? 0 : _single;
        for (var i = _pages is null ? 0 : _single; i < _spans.Length; start += _spans[i++].Count)
        {
            var (span, held) = (_spans[i], i < _single ? Slots(_spans[i], q.device) : _held[i - _single]);
            var keys = held is null ? k.narrow(1, start, span.Count) : room.Keys.index_select(0, held).unsqueeze(0); // (1, Tk, K, D)
            var values = held is null ? v.narrow(1, start, span.Count) : room.Values.index_select(0, held).unsqueeze(0);
            var terms = new AttentionTerms { Bias = arguments.Terms.Bias?.narrow(-1, 0, span.Length) };
            parts.Add(AttentionKernel.Run(q.narrow(1, start, span.Count), keys, values, arguments with { Terms = terms }));
        }
        return (parts.Count == 1 ? parts[0] : cat([.. parts], 1)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var kept in new[] { Positions, _slots, _pages, _lengths }.Concat(_held)) kept?.Dispose();
    }

    private Tensor Single(Tensor q, (Tensor Keys, Tensor Values) room, AttentionArguments a)
        => s_attention.Get()!.Call(q, room.Keys, room.Values, _pages, _lengths, (long)_cache.PageSize, a.Terms.Bias, (long)a.Window,
            a.Scale ?? (1 / Math.Sqrt(q.shape[2])), a.SoftCap).unsqueeze(0); // (1, R, H, D)

    private Tensor Slots(PagedSpan span, Device device)
        => tensor([.. Enumerable.Range(0, span.Length).Select(p => span.Slot(p, _cache.PageSize))], device: device);

    private static bool IsNative(Device device) => device.type == TorchSharp.DeviceType.CPU && s_attention.Get() is not null;
}
