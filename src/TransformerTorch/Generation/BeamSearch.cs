using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Generation;

/// <summary>
/// Beam search over one prompt: K unfinished texts are carried on, the likeliest 2K continuations are looked at, those that end join the
/// K best finished ones, ranked by log probability over new length to a power.
/// </summary>
internal static class BeamSearch
{
    private sealed record Beam(int[] Ids, double LogProbability);

    private sealed record Finished(int[] Ids, double Score);

    public static int[] Run(CausalLanguageModel model, IReadOnlyList<int> prompt, GenerationOptions options, CancellationToken cancellation)
    {
        if (options.MaxNewTokens == 0) return [];
        using var _ = no_grad();
        using var session = new DecodingSession(model, [prompt], options.MaxNewTokens);
        List<Beam> beams = [new([], 0)];
        List<Finished> finished = [];
        for (var length = 1; length <= options.MaxNewTokens; length++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var (next, parents) = Extend(beams, Candidates(session.Read(), beams, 2 * options.Beams), finished, options, length);
            beams = next;
            if (length == options.MaxNewTokens || IsDone(beams, finished, options)) break;
            session.Select(tensor(parents, device: model.HeadWeight.device));
            session.Continue(tensor([.. beams.Select(b => (long)b.Ids[^1])], device: model.HeadWeight.device));
        }
        if (finished.Count < options.Beams || !options.EarlyStopping)
            foreach (var beam in beams) Keep(finished, beam, options);
        return finished.MaxBy(f => f.Score)!.Ids;
    }

    /// <summary>The likeliest continuations of all beams together: which beam, which token, with which log probability in all.</summary>
    private static List<(int Parent, int Token, double LogProbability)> Candidates(Tensor logits, List<Beam> beams, int count)
    {
        var V = logits.shape[1];
        var before = tensor([.. beams.Select(b => (float)b.LogProbability)], device: logits.device).unsqueeze(1); // (K, 1)
        var (values, indices) = (nn.functional.log_softmax(logits, -1) + before).view(-1).topk((int)Math.Min(count, V * beams.Count));
        var (scores, flat) = (values.cpu().data<float>().ToArray(), DecodingSession.ToInts(indices));
        return [.. flat.Zip(scores, (at, score) => ((int)(at / V), (int)(at % V), (double)score))];
    }

    private static (List<Beam> Beams, long[] Parents) Extend(
        List<Beam> beams, List<(int Parent, int Token, double LogProbability)> candidates, List<Finished> finished,
        GenerationOptions options, int length)
    {
        var (next, parents) = (new List<Beam>(), new List<long>());
        for (var rank = 0; rank < candidates.Count && next.Count < options.Beams; rank++)
        {
            var (parent, token, logProbability) = candidates[rank];
            var beam = new Beam([.. beams[parent].Ids, token], logProbability);
            if (!options.EndTokens!.Contains(token))
            {
                next.Add(beam);
                parents.Add(parent);
            }
            else if (rank < options.Beams) Keep(finished, beam, options); // an ending further down would crowd out better beams
        }
        return (next, [.. parents]);
    }

    private static void Keep(List<Finished> finished, Beam beam, GenerationOptions options)
    {
        finished.Add(new Finished(beam.Ids, Score(beam, options)));
        if (finished.Count > options.Beams) finished.Remove(finished.MinBy(f => f.Score)!);
    }

    private static bool IsDone(List<Beam> beams, List<Finished> finished, GenerationOptions options)
        => finished.Count >= options.Beams
            && (options.EarlyStopping || finished.Min(f => f.Score) >= Score(beams.MaxBy(b => b.LogProbability)!, options));

    private static double Score(Beam beam, GenerationOptions options)
        => beam.LogProbability / Math.Pow(beam.Ids.Length, options.LengthPenalty);
}
