using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Generation;

/// <summary>From logits to the next tokens: functions without state.</summary>
public static class Sampler
{
    private const double LeastTemperature = 1e-5; // under it floats would overflow

    /// <summary>Chooses a token a row; rows are drawn from on the host, side by side.</summary>
    /// <param name="scores">(B, V)</param>
    /// <param name="options">what to leave out and how to draw</param>
    /// <param name="random">where to draw from; none: torch's default</param>
    /// <returns>(B) int64</returns>
    /// <exception cref="InvalidOperationException">Scores are no numbers.</exception>
    public static Tensor Next(Tensor scores, GenerationOptions options, Generator? random = null)
    {
        using var scope = NewDisposeScope();
        if (options.Temperature < LeastTemperature) return scores.argmax(-1).MoveToOuterDisposeScope();
        var (B, V) = scores.Dims2();
        var numbers = rand(B, ScalarType.Float64, scores.device, generator: random).cpu().data<double>().ToArray();
        var rows = scores.to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
        var ids = new long[B];
        Parallel.For(0, (int)B, row =>
        {
            var own = rows.AsSpan(row * (int)V, (int)V);
            RowSampler.Leave(own, options);
            ids[row] = RowSampler.Draw(own, numbers[row]);
        });
        if (ids.Contains(-1))
            throw new InvalidOperationException("no token can be drawn: the model's scores are not numbers, or rules leave none");
        return tensor(ids, device: scores.device).MoveToOuterDisposeScope();
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
}
