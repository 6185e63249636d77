using System.Runtime.InteropServices;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Generation;

/// <summary>
/// Texts of one length that go on together, over pages of their own: each step reads and writes the same tensors, so that it is recorded
/// once and replayed, on a GPU as one CUDA graph.
/// </summary>
internal sealed class RecordedDecoding : IDisposable
{
    // libtorch and its libraries choose and allocate in the first steps.
    private const int FirstSteps = 2;

    private readonly LanguageModel _model;
    private readonly PagedCache _cache;
    private readonly int _rows, _longest, _pages; // of each
    private readonly Func<IRecording> _record;
    private PagedBatch? _places;
    private Tensor? _ids, _logits; // (1, R), (R, V)
    private IRecording? _recording;
    private int _steps;
    private bool _refused;

    private RecordedDecoding(LanguageModel model, int rows, int longest, Func<IRecording> record)
    {
        const int page = 16;
        (_model, _rows, _longest, _pages, _record) = (model, rows, longest, (longest + page - 1) / page, record);
        _cache = new PagedCache(new int[model.Config.Main.Blocks.Count], [rows * _pages], page);
    }

    /// <summary>For these texts; null where they or the model need the cache that grows.</summary>
    /// <param name="model">the model</param>
    /// <param name="plan">what is generated</param>
    /// <param name="record">makes a recording; null: CUDA graphs where the device has them</param>
    public static RecordedDecoding? For(LanguageModel model, GenerationPlan plan, Func<IRecording>? record)
    {
        var device = model.Backbone.TokenWeight.device;
        if (record is null && CudaGraph.Serves(device)) record = () => new CudaGraph(device);
        var fits = model is CausalLanguageModel && plan is { StartToken: null, Copies: 1 } && !plan.Prompts.Mask.Contains(0)
            && PagedBatch.IsNative(device) && !model.Config.Main.Blocks.Any(b => b.Attention.Rotary?.Scaling is { ByLength: true });
        return record is null || !fits ? null : new(model, plan.Prompts.Count, plan.Width + plan.NewTokens, record);
    }

    /// <summary>The scores (R, V), float32, after these ids (R, T): all that the texts have, the first time; then one of each.</summary>
    public Tensor Read(Tensor ids) => _places is null ? Begin(ids) : Step(ids);

    /// <inheritdoc/>
    public void Dispose()
    {
        _recording?.Dispose();
        _places?.Dispose();
        _cache.Dispose();
        _ids?.Dispose();
        _logits?.Dispose();
    }

    private Tensor Begin(Tensor ids)
    {
        using var scope = NewDisposeScope();
        var T = (int)ids.shape[1];
        var spans = Enumerable.Range(0, _rows).Select(row => new PagedSpan(T, T, [[.. Enumerable.Range(row * _pages, _pages)]]));
        using var batch = new PagedBatch(_cache, spans, ids.device);
        var hidden = _model.Backbone.Hidden(new ModelInputs { Ids = ids.reshape(1, -1), Pages = batch }).view(_rows, T, -1);
        var logits = _model.Logits(hidden.select(1, T - 1)).to(ScalarType.Float32);
        _places = PagedBatch.Moving(_cache, _rows, T, _longest, ids.device);
        _ids = zeros([1, _rows], ScalarType.Int64, ids.device).DetachFromDisposeScope();
        _logits = zeros_like(logits).DetachFromDisposeScope();
        return logits.MoveToOuterDisposeScope();
    }

    private Tensor Step(Tensor ids)
    {
        _ids!.copy_(ids.view(1, -1));
        if (_recording is null && !_refused && _steps++ >= FirstSteps) Record();
        if (_recording is null) Work();
        else _recording.Replay();
        return _logits!.alias();
    }

    private void Work()
    {
        using var scope = NewDisposeScope();
        var hidden = _model.Backbone.Hidden(new ModelInputs { Ids = _ids!, Pages = _places }).squeeze(0); // (R, C)
        _logits!.copy_(_model.Logits(hidden));
        _places!.Advance();
    }

    private void Record()
    {
        var recording = _record();
        try
        {
            recording.Record(Work);
            _recording = recording;
            Devices.Recorded($"Decoding of {_rows} texts is one recording from here on.");
        }
        catch (Exception e) when (e is InvalidOperationException or ExternalException)
        {
            recording.Dispose();
            _refused = true;
            Devices.Recorded($"Decoding cannot be recorded as a CUDA graph ({e.Message.Split('\n')[0]}): one operator after the other.");
        }
    }
}
