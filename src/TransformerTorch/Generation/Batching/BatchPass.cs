using TransformerTorch.Layers;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Generation.Batching;

/// <summary>
/// One step: the next token of every text whose prompt is read, and a budget of prompt tokens of the others, packed into one pass through
/// the model.
/// </summary>
internal sealed class BatchPass(CausalLanguageModel model, PagedCache cache, int budget)
{
    /// <summary>Frequencies that depend on the length are the same for a whole pass: such texts go alone, their prompts whole.</summary>
    private readonly bool _alone = GoesAlone(model);

    /// <summary>Of each layer, positions of a text that are to be held beside those of a pass; 0: all.</summary>
    public static IEnumerable<int> Windows(CausalLanguageModel model)
        => model.Config.Main.Blocks.Select(b => GoesAlone(model) ? 0 : b.Attention.Window);

    /// <summary>Whether keys that were computed for one text serve another.</summary>
    public bool CanShare => !_alone;

    public long Steps { get; private set; }

    public long PromptTokens { get; private set; }

    /// <summary>Who computes how much, single tokens first.</summary>
    public IReadOnlyList<(Sequence Of, int Count)> Parts(IReadOnlyList<Sequence> running)
    {
        if (_alone)
        {
            var next = running.FirstOrDefault(s => s.New == 0) ?? running[(int)(Steps % running.Count)];
            return [(next, Math.Max(1, next.Pending - next.New))]; // what it wrote is computed again at the lengths it was written at
        }
        var parts = running.Where(s => s.Pending == 1).Select(s => (s, 1)).ToList();
        Sequence[] reading = [.. running.Where(s => s.Pending > 1).OrderBy(s => s.Pending)];
        var left = budget;
        for (var i = 0; i < reading.Length && left > 0; i++) // equal shares; what a short one leaves, longer ones share
        {
            var count = Math.Min(reading[i].Pending, Math.Max(1, left / (reading.Length - i)));
            parts.Add((reading[i], count));
            left -= count;
        }
        return [.. parts.OrderBy(p => p.Item2 > 1)];
    }

    /// <summary>Computes the parts, for which there are pages.</summary>
    /// <returns>
    /// The texts that are far enough for their next token, with its scores (1, V) and, where nothing else counts, the likeliest.
    /// </returns>
    public IReadOnlyList<(Sequence Of, int? Likeliest, Tensor Scores)> Run(IReadOnlyList<(Sequence Of, int Count)> parts)
    {
        if (parts.Count == 0) return [];
        using var scope = NewDisposeScope();
        var device = model.Backbone.TokenWeight.device;
        using var batch = new PagedBatch(cache, parts.Select(p => new PagedSpan(p.Count, p.Of.Computed + p.Count, p.Of.Pages)), device);
        var ids = tensor([.. parts.SelectMany(p => p.Of.Text.Skip(p.Of.Computed).Take(p.Count).Select(id => (long)id))], device: device);
        var hidden = model.Backbone.Hidden(new ModelInputs { Ids = ids.unsqueeze(0), Pages = batch }).squeeze(0); // (N, C)
        Steps++;
        PromptTokens += parts.Where(p => p.Of.New == 0).Sum(p => p.Count);

        var (ready, rows, end) = (new List<Sequence>(), new List<long>(), 0L);
        foreach (var (of, count) in parts)
        {
            end += count;
            of.Advance(count);
            if (of.Pending > 0) continue;
            ready.Add(of);
            rows.Add(end - 1);
        }
        if (ready.Count == 0) return [];
        if (rows.Count < hidden.shape[0]) hidden = hidden.index_select(0, tensor([.. rows], device: device));
        var scores = model.Logits(hidden).to(ScalarType.Float32); // (R, V)
        var greedy = ready.Any(s => s.IsGreedy) ? DecodingSession.ToInts(scores.argmax(-1)) : [];
        return [.. ready.Select((s, row) => (s, s.IsGreedy ? greedy[row] : (int?)null, Kept(scores.narrow(0, row, 1))))];

        static Tensor Kept(Tensor row) => row.MoveToOuterDisposeScope();
    }

    private static bool GoesAlone(CausalLanguageModel model)
        => model.Config.Main.Blocks.Any(b => b.Attention.Rotary?.Scaling is { ByLength: true });
}
