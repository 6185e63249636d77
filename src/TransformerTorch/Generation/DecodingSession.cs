using TransformerTorch.Layers;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Generation;

/// <summary>A model, its cache and what it is to read next. The prompts are padded on the left, so that all end together.</summary>
internal sealed class DecodingSession : IDisposable
{
    private readonly CausalLanguageModel _model;
    private readonly KvCache _cache;
    private readonly bool _wasTraining;
    private Tensor _pending; // (B, T) int64
    private Tensor? _mask; // (B, T) of the pending ids; null where none is padding

    public DecodingSession(CausalLanguageModel model, IReadOnlyList<IReadOnlyList<int>> prompts, int maxNewTokens)
    {
        (_model, _wasTraining) = (model, model.training);
        model.eval();
        var (B, T) = (prompts.Count, prompts.Max(p => p.Count));
        var (ids, mask) = (new long[B * T], new long[B * T]);
        for (var row = 0; row < B; row++)
        {
            for (var i = 0; i < prompts[row].Count; i++)
            {
                var at = (row * T) + T - prompts[row].Count + i;
                (ids[at], mask[at]) = (prompts[row][i], 1);
            }
        }
        _pending = OnDevice(ids, B, T);
        _mask = mask.Contains(0) ? OnDevice(mask, B, T) : null;
        _cache = model.Backbone.NewCache(T + maxNewTokens);
    }

    /// <summary>
    /// Reads what is pending, lets the caller choose from the logits (B, V) of the last position, and makes the choice (B) pending.
    /// </summary>
    public int[] Next(Func<Tensor, Tensor> choose)
    {
        using var _ = no_grad();
        using var scope = NewDisposeScope();
        var chosen = choose(Read());
        Continue(chosen);
        return ToInts(chosen);
    }

    /// <summary>The logits (B, V) after what is pending. The caller's scope owns them.</summary>
    public Tensor Read()
    {
        using var scope = NewDisposeScope();
        var hidden = _model.Hidden(_pending, _mask, _cache); // (B, T, C)
        return _model.Logits(hidden.select(1, hidden.shape[1] - 1)).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    /// <summary>Reads these ids (B) next.</summary>
    public void Continue(Tensor ids)
    {
        _pending.Dispose();
        _pending = ids.unsqueeze(1).DetachFromDisposeScope(); // (B, 1)
        _mask?.Dispose();
        _mask = null;
    }

    /// <summary>Keeps these rows of the cache, in this order.</summary>
    public void Select(Tensor rows) => _cache.Select(rows);

    public static int[] ToInts(Tensor ids)
    {
        using var host = ids.to(ScalarType.Int32).cpu();
        return host.data<int>().ToArray();
    }

    public void Dispose()
    {
        _cache.Dispose();
        _pending.Dispose();
        _mask?.Dispose();
        _model.train(_wasTraining);
    }

    private Tensor OnDevice(long[] values, int B, int T)
    {
        using var scope = NewDisposeScope();
        return tensor(values, [B, T], device: _model.HeadWeight.device).DetachFromDisposeScope();
    }
}
