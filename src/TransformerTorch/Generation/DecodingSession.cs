using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Generation;

/// <summary>
/// A model, its cache and what it is to read next: a decoder the prompts, a decoder beside an encoder its start token, while the encoder
/// reads the prompts, once.
/// </summary>
internal sealed class DecodingSession : IDisposable
{
    private readonly LanguageModel _model;
    private readonly KvCache _cache;
    private readonly RecordedDecoding? _recorded;
    private readonly bool _wasTraining;
    private readonly Tensor? _source; // (B, S) what an encoder reads
    private Tensor? _sourceMask; // (B, S)
    private Tensor _pending; // (B, T) int64
    private Tensor? _mask; // (B, T) of the pending ids; null where none is padding
    private int _copies;

    public DecodingSession(LanguageModel model, GenerationPlan plan, Func<IRecording>? record = null)
    {
        (_model, _wasTraining, _copies) = (model, model.training, plan.Copies);
        model.eval();
        var (B, T) = (plan.Prompts.Count, plan.Prompts.Width);
        var ids = OnDevice(plan.Prompts.Ids, B, T);
        var mask = plan.Prompts.Mask.Contains(0) ? OnDevice(plan.Prompts.Mask, B, T) : null;
        if (plan.StartToken is { } start)
        {
            (_source, _sourceMask) = (ids, mask);
            _pending = OnDevice([.. Enumerable.Repeat((long)start, B)], B, 1);
        }
        else (_pending, _mask) = (ids, mask);
        _cache = model.Backbone.NewCache(plan.Width + plan.NewTokens);
        _recorded = RecordedDecoding.For(model, plan, record);
    }

    /// <summary>
    /// Reads what is pending, lets the caller choose from the logits (R, V) of the last position, and makes the choice (R) pending.
    /// </summary>
    public int[] Next(Func<Tensor, Tensor> choose)
    {
        using var _ = inference_mode();
        using var scope = NewDisposeScope();
        var chosen = choose(Read());
        Continue(chosen);
        return ToInts(chosen);
    }

    /// <summary>
    /// The logits (R, V) after what is pending, R being the prompts' count times their copies. The caller's scope owns them.
    /// </summary>
    public Tensor Read()
    {
        if (_recorded is not null) return _recorded.Read(_pending);
        using var scope = NewDisposeScope();
        var hidden = _model.Backbone.Hidden(_source is null
            ? new ModelInputs { Ids = _pending, Mask = _mask, Cache = _cache }
            : new ModelInputs { Ids = _source, Mask = _sourceMask, DecoderIds = _pending, Cache = _cache }); // (B, T, C)
        var logits = _model.Logits(hidden.select(1, hidden.shape[1] - 1)).to(ScalarType.Float32);
        if (_copies > 1)
        {
            var rows = arange(logits.shape[0], device: logits.device).repeat_interleave(_copies);
            (logits, _copies) = (logits.index_select(0, rows), 1);
            _cache.Select(rows);
            if (_sourceMask is not null) _sourceMask = KvCache.Rows(_sourceMask, rows);
        }
        return logits.MoveToOuterDisposeScope();
    }

    /// <summary>Reads these ids (R) next.</summary>
    public void Continue(Tensor ids)
    {
        _pending.Dispose();
        _pending = ids.unsqueeze(1).DetachFromDisposeScope(); // (R, 1)
        _mask?.Dispose();
        _mask = null;
    }

    /// <summary>Has each row go on from where its parent, of the same prompt, is.</summary>
    public void Inherit(IReadOnlyList<int> parents) => _cache.Inherit(parents);

    public static int[] ToInts(Tensor ids)
    {
        using var host = ids.to(ScalarType.Int32).cpu();
        return host.data<int>().ToArray();
    }

    public void Dispose()
    {
        _cache.Dispose();
        _recorded?.Dispose();
        _pending.Dispose();
        _mask?.Dispose();
        _source?.Dispose();
        _sourceMask?.Dispose();
        _model.train(_wasTraining);
    }

    private Tensor OnDevice(long[] values, int B, int T)
    {
        using var scope = NewDisposeScope();
        return tensor(values, [B, T], device: _model.Backbone.TokenWeight.device).DetachFromDisposeScope();
    }
}
