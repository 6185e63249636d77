using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Generation;

/// <summary>
/// Beam search: for each prompt K unfinished texts are carried on; of their likeliest continuations those that end join the K best
/// finished ones, ranked by log probability over new length to a power. The arithmetic, float32, is the reference's.
/// </summary>
internal static class BeamSearch
{
    /// <summary>Added to the log probability of what is out.</summary>
    private const float Out = -1e9f;

    private sealed record Beam(int Parent, int[] Ids, float LogProbability);

    /// <summary>One prompt's texts.</summary>
    private sealed class Search(GenerationPlan plan)
    {
        private readonly int _beams = plan.Options.Beams;
        private bool _hopeless;

        /// <summary>Unfinished, the likeliest first. At first they are all the same, and one of them counts.</summary>
        public Beam[] Beams { get; private set; }
            = [.. Enumerable.Range(0, plan.Options.Beams).Select(k => new Beam(k, [], k == 0 ? 0 : Out))];

        /// <summary>Finished, the best first.</summary>
        public List<(int[] Ids, float Score)> Finished { get; private set; } = [];

        public bool IsDone => _hopeless || (IsFull && plan.Options.EarlyStopping == EarlyStopping.Full);

        private bool IsFull => Finished.Count == _beams;

        /// <summary>Goes on by a token, given the likeliest continuations of all beams together, the likeliest first.</summary>
        public void Extend(IReadOnlyList<(int Parent, int Token, float LogProbability)> candidates)
        {
            var next = candidates.Select(c => new Beam(c.Parent, [.. Beams[c.Parent].Ids, c.Token], c.LogProbability)).ToArray();
            var length = next[0].Ids.Length;
            bool Ends(Beam beam) => length == plan.NewTokens || plan.EndTokens.Contains(beam.Ids[^1]);
            // An ending further down than the K likeliest would crowd out better beams.
            if (!IsDone)
                Finished = [.. Finished.Concat(next.Take(_beams).Where(b => Ends(b) && float.IsFinite(b.LogProbability))
                    .Select(b => (b.Ids, b.LogProbability / Power(length)))).OrderByDescending(f => f.Item2).Take(_beams)];
            Beams = [.. next.Select(b => Ends(b) ? b with { LogProbability = b.LogProbability + Out } : b)
                .OrderByDescending(b => b.LogProbability).Take(_beams)];
            var reach = plan.Options is { EarlyStopping: EarlyStopping.Impossible, LengthPenalty: > 0 } ? plan.NewTokens : length;
            _hopeless |= IsFull && Beams[0].LogProbability / Power(reach) <= Finished[^1].Score;
        }

        private float Power(int length) => (float)Math.Pow(length, plan.Options.LengthPenalty);
    }

    /// <summary>The best texts of each prompt, as many as are to be returned, one prompt's after the other's.</summary>
    public static int[][] Run(LanguageModel model, GenerationPlan plan, CancellationToken cancellation)
    {
        Search[] searches = [.. Enumerable.Range(0, plan.Prompts.Count).Select(_ => new Search(plan))];
        var (begin, rules) = (plan.Texts(), new ScoreRules(plan));
        using var grad = inference_mode();
        using var session = new DecodingSession(model, plan);
        for (var length = 0; length < plan.NewTokens && !searches.All(s => s.IsDone); length++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            Beam[] beams = [.. searches.SelectMany(s => s.Beams)];
            if (length > 0)
            {
                session.Inherit([.. beams.Select((b, row) => (row / plan.Copies * plan.Copies) + b.Parent)]);
                session.Continue(tensor([.. beams.Select(b => (long)b.Ids[^1])], device: model.Backbone.TokenWeight.device));
            }
            IReadOnlyList<int>[] texts = [.. beams.Select((b, row) => (IReadOnlyList<int>)[.. begin[row], .. b.Ids])];
            var scores = rules.Apply(session.Read().log_softmax(-1), texts, length); // (B K, V)
            foreach (var (search, candidates) in searches.Zip(Candidates(scores, beams, plan))) search.Extend(candidates);
        }
        var ranks = Enumerable.Range(0, plan.Options.Returned).ToArray();
        return [.. searches.SelectMany(s => ranks.Select(rank => s.Finished.ElementAtOrDefault(rank).Ids ?? []))];
    }

    /// <summary>Each prompt's likeliest continuations: so many that K of them do not end, whatever the others do.</summary>
    private static IEnumerable<(int Parent, int Token, float LogProbability)[]> Candidates(
        Tensor scores, Beam[] beams, GenerationPlan plan)
    {
        var (V, K) = (scores.shape[1], plan.Copies);
        var count = (int)Math.Min(Math.Max(2, 1 + plan.EndTokens.Count) * K, V * K);
        var before = tensor([.. beams.Select(b => b.LogProbability)], device: scores.device).unsqueeze(1); // (B K, 1)
        var (values, indices) = (scores + before).view(-1, K * V).topk(count); // (B, count)
        var (logs, flat) = (values.cpu().data<float>().ToArray(), DecodingSession.ToInts(indices));
        // Of equals the first; what topk makes of them is left open.
        return flat.Zip(logs).Chunk(count).Select(each => each.OrderByDescending(c => c.Second).ThenBy(c => c.First)
            .Select(c => ((int)(c.First / V), (int)(c.First % V), c.Second)).ToArray());
    }
}
