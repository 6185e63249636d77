using static TorchSharp.torch;

namespace TransformerTorch.Generation;

/// <summary>
/// What options forbid, force or favour, as changes of the scores (R, V) of the next tokens, in the reference's order
/// (Transformers, generation/logits_process.py). Nothing is done, and nothing costs, that is not asked for.
/// </summary>
internal sealed class ScoreRules
{
    private readonly List<Func<Tensor, Step, Tensor>> _rules = [];
    private readonly GenerationPlan _plan;

    /// <summary>The texts of all rows so far, and how many tokens of each are new.</summary>
    private sealed record Step(IReadOnlyList<IReadOnlyList<int>> Texts, int New);

    public ScoreRules(GenerationPlan plan)
    {
        _plan = plan;
        var (o, ends) = (plan.Options, plan.EndTokens);
        IReadOnlyList<int>[] prompts = [.. plan.Prompts.Seen.SelectMany(seen => Enumerable.Repeat(seen, plan.Copies))];
        var bad = o.BadWords.Where(w => w is not [var one] || !ends.Contains(one)).Select(w => (w, double.NegativeInfinity));
        // What suppressing at the beginning means: not what is forced to come first, but what follows it.
        var first = plan.Width == 1 && o.ForcedBeginToken is not null ? 1 : 0;

        Add(o.SequenceBias.Count > 0, (x, step) => Biased(x, step.Texts, o.SequenceBias));
        Add(o.EncoderRepetitionPenalty != 1, (x, _) => Sampler.PenalizeRepetition(x, prompts, 1 / o.EncoderRepetitionPenalty));
        Add(o.RepetitionPenalty != 1, (x, step) => Sampler.PenalizeRepetition(x, step.Texts, o.RepetitionPenalty));
        Add(o.FrequencyPenalty != 0 || o.PresencePenalty != 0, (x, step) => Counted(x, step));
        Add(o.NoRepeatNgramSize > 0, (x, step) => WithoutNgrams(x, step.Texts, step.Texts, o.NoRepeatNgramSize));
        Add(o.EncoderNoRepeatNgramSize > 0, (x, step) => WithoutNgrams(x, step.Texts, prompts, o.EncoderNoRepeatNgramSize));
        Add(o.BadWords.Count > 0, (x, step) => Biased(x, step.Texts, [.. bad]));
        Add(plan.LeastNewTokens > 0, (x, step) => step.New < plan.LeastNewTokens ? Without(x, ends) : x);
        Add(o.ForcedBeginToken is not null, (x, step) => step.Texts[0].Count == 1 ? Only(x, [o.ForcedBeginToken!.Value]) : x);
        Add(o.ForcedEndTokens.Count > 0, (x, step) => step.New == plan.NewTokens - 1 ? Only(x, o.ForcedEndTokens) : x);
        Add(o.RemoveInvalid, (x, _) => x.nan_to_num(0, float.MaxValue, float.MinValue));
        Add(o.EndDecay is not null, (x, step) => Decayed(x, step.New - o.EndDecay!.Value.Start, o.EndDecay.Value.Factor));
        Add(o.SuppressTokens.Count > 0, (x, _) => Without(x, o.SuppressTokens));
        Add(o.BeginSuppressTokens.Count > 0, (x, step) => step.New == first ? Without(x, o.BeginSuppressTokens) : x);
        Add(o.Renormalize, (x, _) => x.log_softmax(-1));
    }

    /// <summary>Whether scores stay as they are.</summary>
    public bool AreNone => _rules.Count == 0;

    /// <summary>The scores after all rules; the caller's scope owns what is made.</summary>
    /// <param name="scores">(R, V) float32</param>
    /// <param name="texts">of each row, the prompt of a decoder included</param>
    /// <param name="generated">how many tokens of each are new</param>
    public Tensor Apply(Tensor scores, IReadOnlyList<IReadOnlyList<int>> texts, int generated)
    {
        var step = new Step(texts, generated);
        return _rules.Aggregate(scores, (x, rule) => rule(x, step));
    }

    private void Add(bool wanted, Func<Tensor, Step, Tensor> rule)
    {
        if (wanted) _rules.Add(rule);
    }

    private static Tensor Index(IEnumerable<int> tokens, Tensor like) => tensor([.. tokens.Select(t => (long)t)], device: like.device);

    private static Tensor Without(Tensor scores, IReadOnlyList<int> tokens)
        => tokens.Count == 0 ? scores : scores.index_fill(1, Index(tokens, scores), float.NegativeInfinity);

    private static Tensor Only(Tensor scores, IReadOnlyList<int> tokens)
        => full_like(scores, float.NegativeInfinity).index_fill(1, Index(tokens, scores), 0);

    /// <summary>
    /// A sequence's bias goes to its last token where the others stand at the end of a text that is as long as all of it.
    /// </summary>
    private static Tensor Biased(
        Tensor scores, IReadOnlyList<IReadOnlyList<int>> texts, IReadOnlyList<(IReadOnlyList<int> Ids, double Bias)> all)
    {
        var V = scores.shape[1];
        var biases = new float[texts.Count * V];
        for (var row = 0; row < texts.Count; row++)
            foreach (var (ids, bias) in all)
                if (ids.Count == 1 || (ids.Count <= texts[row].Count && EndsWith(texts[row], [.. ids.SkipLast(1)])))
                    biases[(row * V) + ids[^1]] += (float)bias;
        return scores + tensor(biases, device: scores.device).view(texts.Count, V);
    }

    private static bool EndsWith(IReadOnlyList<int> text, int[] end) => text.Skip(text.Count - end.Length).SequenceEqual(end);

    /// <summary>Bans what would complete a sequence of this size that stands in the row's other text.</summary>
    private static Tensor WithoutNgrams(
        Tensor scores, IReadOnlyList<IReadOnlyList<int>> texts, IReadOnlyList<IReadOnlyList<int>> others, int size)
    {
        var (banned, V) = (new List<long>(), scores.shape[1]);
        for (var row = 0; row < texts.Count; row++)
        {
            var (text, other) = (texts[row], others[row]);
            if (text.Count + 1 < size) continue;
            var end = text.Skip(text.Count - size + 1).ToArray();
            for (var at = 0; at + size <= other.Count; at++)
                if (end.SequenceEqual(other.Skip(at).Take(size - 1))) banned.Add((row * V) + other[at + size - 1]);
        }
        return banned.Count == 0 ? scores
            : scores.reshape(-1).index_fill(0, tensor(banned.ToArray(), device: scores.device), float.NegativeInfinity).view(scores.shape);
    }

    private Tensor Counted(Tensor scores, Step step)
    {
        var (V, o) = (scores.shape[1], _plan.Options);
        var taken = new float[step.Texts.Count * V];
        for (var row = 0; row < step.Texts.Count; row++)
            foreach (var token in step.Texts[row].TakeLast(step.New)) taken[(row * V) + token]++;
        var counts = tensor(taken, device: scores.device).view(step.Texts.Count, V);
        return scores - counts * o.FrequencyPenalty - counts.sign() * o.PresencePenalty;
    }

    private Tensor Decayed(Tensor scores, int after, double factor)
    {
        if (after <= 0 || _plan.EndTokens.Count == 0) return scores;
        var ends = Index(_plan.EndTokens.Distinct(), scores);
        return scores.index_add(1, ends, scores.index_select(1, ends).abs() * (Math.Pow(factor, after) - 1), 1);
    }
}
