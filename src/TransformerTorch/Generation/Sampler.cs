using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Generation;

/// <summary>From logits to the next tokens: functions without state, in the order in which published libraries apply them.</summary>
public static class Sampler
{
    // Under these, floats would overflow or be 0, and probabilities no numbers.
    private const double LeastTemperature = 1e-5, LeastP = 1e-30;

    /// <summary>Chooses a token a row.</summary>
    /// <param name="scores">(B, V)</param>
    /// <param name="options">what to leave out and how to draw</param>
    /// <param name="random">where to draw from; none: torch's default</param>
    /// <returns>(B) int64</returns>
    public static Tensor Next(Tensor scores, GenerationOptions options, Generator? random = null)
    {
        using var scope = NewDisposeScope();
        if (options.Temperature < LeastTemperature) return scores.argmax(-1).MoveToOuterDisposeScope();
        return Left(scores, options).softmax(-1).multinomial(1, generator: random).squeeze(-1).MoveToOuterDisposeScope();
    }

    /// <summary>The scores that are drawn from; what has been left out is minus infinity.</summary>
    internal static Tensor Left(Tensor scores, GenerationOptions options)
    {
        using var scope = NewDisposeScope();
        var left = MinP(TopP(TopK(scores / options.Temperature, options.TopK), options.TopP), options.MinP);
        return TypicalP(left, options.TypicalP).MoveToOuterDisposeScope();
    }

    /// <summary>Scores of tokens in a row's history are divided by the penalty where positive, multiplied where negative.</summary>
    public static Tensor PenalizeRepetition(Tensor scores, IReadOnlyList<IReadOnlyList<int>> histories, double penalty)
    {
        if (penalty == 1) return scores;
        using var scope = NewDisposeScope();
        var (B, _) = scores.Dims2();
        var longest = histories.Max(h => h.Count);
        var ids = new long[B * longest];
        // A shorter history repeats its first token: penalising one twice with the same value changes nothing.
        for (var i = 0; i < ids.Length; i++) ids[i] = histories[i / longest] is var h && i % longest < h.Count ? h[i % longest] : h[0];
        var index = tensor(ids, device: scores.device).view(B, longest);
        var seen = scores.gather(1, index);
        return scores.scatter(1, index, where(seen < 0, seen * penalty, seen / penalty)).MoveToOuterDisposeScope();
    }

    /// <summary>Leaves the k highest scores of each row (all where k is 0).</summary>
    public static Tensor TopK(Tensor scores, int k)
    {
        var (_, V) = scores.Dims2();
        if (k == 0 || k >= V) return scores;
        using var scope = NewDisposeScope();
        var (highest, _) = scores.topk(k);
        return scores.masked_fill(scores.lt(highest.narrow(1, k - 1, 1)), float.NegativeInfinity).MoveToOuterDisposeScope();
    }

    /// <summary>Leaves the fewest highest scores whose probabilities reach p (Holtzman et al., 2019).</summary>
    public static Tensor TopP(Tensor scores, double p)
    {
        if (p >= 1) return scores;
        using var scope = NewDisposeScope();
        var (sorted, order) = scores.sort(-1, descending: true);
        var probabilities = sorted.softmax(-1);
        var above = probabilities.cumsum(-1) - probabilities; // what stands before each; the first has 0 and stays
        var kept = sorted.masked_fill(above.ge(Math.Max(p, LeastP)), float.NegativeInfinity);
        return scores.scatter(1, order, kept).MoveToOuterDisposeScope();
    }

    /// <summary>Leaves the fewest whose surprise is nearest to the expected one and whose probabilities reach p.</summary>
    public static Tensor TypicalP(Tensor scores, double p)
    {
        if (p >= 1) return scores;
        using var scope = NewDisposeScope();
        var logs = scores.log_softmax(-1);
        var expected = -(logs.exp() * logs).nan_to_num(0).sum(-1, keepdim: true); // 0 times infinity is nothing
        var (distances, order) = (-logs - expected).abs().sort(-1);
        var ordered = scores.gather(-1, order);
        var reached = ordered.softmax(-1).cumsum(-1).lt(p).sum(-1, keepdim: true).clamp_max(scores.shape[^1] - 1); // (B, 1)
        var kept = ordered.masked_fill(distances.gt(distances.gather(-1, reached)), float.NegativeInfinity);
        return scores.scatter(-1, order, kept).MoveToOuterDisposeScope();
    }

    /// <summary>Leaves scores whose probability is at least this share of the highest.</summary>
    public static Tensor MinP(Tensor scores, double share)
    {
        if (share == 0) return scores;
        using var scope = NewDisposeScope();
        var least = scores.amax([-1], keepdim: true) + Math.Log(share);
        return scores.masked_fill(scores < least, float.NegativeInfinity).MoveToOuterDisposeScope();
    }
}
