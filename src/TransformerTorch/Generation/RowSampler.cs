using System.Buffers;
using System.Numerics.Tensors;

namespace TransformerTorch.Generation;

/// <summary>
/// Draws from one row of scores (V) on the host, in time linear in the vocabulary: of the scores, those that are about as high as the
/// last one that stays are the only ones to be sorted. What has been left out is minus infinity.
/// </summary>
internal static class RowSampler
{
    private const int Chunk = 512, UpperBits = 15; // sums by so many bits stay in the second cache

    /// <summary>What <see cref="Sampler.Next"/> draws from, in the order in which published libraries leave out.</summary>
    public static void Leave(Span<float> scores, GenerationOptions options)
    {
        TensorPrimitives.Divide(scores, (float)options.Temperature, scores);
        TopK(scores, options.TopK);
        TopP(scores, options.TopP);
        MinP(scores, options.MinP);
        TypicalP(scores, options.TypicalP);
    }

    /// <summary>
    /// The token at which the probabilities of those before it and its own pass a number of [0, 1); -1 where none is left or scores are
    /// no numbers.
    /// </summary>
    public static int Draw(ReadOnlySpan<float> scores, double number)
    {
        using var rented = MemoryPool<float>.Shared.Rent(scores.Length);
        var weights = rented.Memory.Span[..scores.Length];
        Powers(scores, weights);
        var total = 0.0;
        for (var at = 0; at < weights.Length; at += Chunk) total += TensorPrimitives.Sum(Part(weights, at));
        if (!(total > 0 && double.IsFinite(total))) return -1;

        var (left, last) = (number * total, -1);
        for (var at = 0; at < weights.Length; at += Chunk)
        {
            var part = Part(weights, at);
            var sum = (double)TensorPrimitives.Sum(part);
            if (sum > 0 && left < sum)
                for (var i = 0; i < part.Length; i++)
                {
                    if (part[i] == 0) continue;
                    last = at + i;
                    if ((left -= part[i]) < 0) return last;
                }
            else left -= sum;
        }
        return last >= 0 ? last : TensorPrimitives.IndexOfMax(scores); // rounding

        static ReadOnlySpan<float> Part(ReadOnlySpan<float> all, int at) => all[at..Math.Min(at + Chunk, all.Length)];
    }

    /// <summary>Leaves the k highest (all where k is 0), and what equals the last of them.</summary>
    public static void TopK(Span<float> scores, int k)
    {
        if (k == 0 || k >= scores.Length) return;
        using var rented = MemoryPool<float>.Shared.Rent(scores.Length);
        var ones = rented.Memory.Span[..scores.Length];
        ones.Fill(1);
        KeepFirst(scores, scores, ones, k, equals: true);
    }

    /// <summary>Leaves the fewest highest whose probabilities reach p (Holtzman et al., 2019).</summary>
    public static void TopP(Span<float> scores, double p)
    {
        if (p >= 1) return;
        using var rented = MemoryPool<float>.Shared.Rent(scores.Length);
        var probabilities = rented.Memory.Span[..scores.Length];
        Softmax(scores, probabilities);
        KeepFirst(scores, scores, probabilities, p, equals: false);
    }

    /// <summary>Leaves what has at least this share of the highest probability.</summary>
    public static void MinP(Span<float> scores, double share)
    {
        if (share == 0) return;
        var least = TensorPrimitives.Max<float>(scores) + (float)Math.Log(share);
        foreach (ref var score in scores) if (score < least) score = float.NegativeInfinity;
    }

    /// <summary>
    /// Leaves the fewest whose surprise is nearest to the expected one and whose probabilities reach p, and what is as near (Meister et
    /// al., 2023).
    /// </summary>
    public static void TypicalP(Span<float> scores, double p)
    {
        if (p >= 1) return;
        using var rented = MemoryPool<float>.Shared.Rent(2 * scores.Length);
        var probabilities = rented.Memory.Span[..scores.Length];
        var nearness = rented.Memory.Span[scores.Length..(2 * scores.Length)];
        Softmax(scores, probabilities);
        TensorPrimitives.Log(probabilities, nearness);
        var expected = 0.0;
        for (var i = 0; i < scores.Length; i++) if (probabilities[i] > 0) expected -= (double)probabilities[i] * nearness[i];
        for (var i = 0; i < scores.Length; i++) nearness[i] = -Math.Abs(-nearness[i] - (float)expected);
        KeepFirst(scores, nearness, probabilities, p, equals: true);
    }

    /// <summary>Probabilities but for their sum; the highest is 1.</summary>
    private static void Powers(ReadOnlySpan<float> scores, Span<float> powers)
    {
        TensorPrimitives.Subtract(scores, TensorPrimitives.Max(scores), powers);
        TensorPrimitives.Exp(powers, powers);
    }

    private static void Softmax(ReadOnlySpan<float> scores, Span<float> probabilities)
    {
        Powers(scores, probabilities);
        TensorPrimitives.Divide(probabilities, TensorPrimitives.Sum<float>(probabilities), probabilities);
    }

    /// <summary>
    /// Keeps the fewest whose weights reach a sum, in falling order. Weights are summed by the upper bits of the numbers first; only where
    /// the sum is reached numbers are told apart.
    /// </summary>
    private static void KeepFirst(
        Span<float> scores, ReadOnlySpan<float> order, ReadOnlySpan<float> weights, double sum, bool equals)
    {
        using var rented = MemoryPool<double>.Shared.Rent(1 << UpperBits);
        var sums = rented.Memory.Span[..(1 << UpperBits)];
        sums.Clear();
        var most = TensorPrimitives.Max(order) is var highest && float.IsFinite(highest) ? highest : 0; // near 0 bits tell the most apart
        for (var i = 0; i < order.Length; i++) sums[Upper(order[i] - most)] += weights[i];
        var (reached, before) = (sums.Length - 1, 0.0);
        while (before + sums[reached] < Math.Max(sum, double.Epsilon))
        {
            before += sums[reached];
            if (--reached < 0) return;
        }

        var among = new List<(float Order, float Weight)>();
        for (var i = 0; i < order.Length; i++) if (Upper(order[i] - most) == reached) among.Add((order[i], weights[i]));
        among.Sort((a, b) => b.Order.CompareTo(a.Order));
        var (last, left) = (float.PositiveInfinity, 0); // the lowest that stays, and how many of its kind
        foreach (var (number, weight) in among)
        {
            if (before >= sum && (!equals || number != last)) break;
            (last, left) = (number, number == last ? left + 1 : 1);
            before += weight;
        }
        for (var i = 0; i < scores.Length; i++)
            if (order[i] < last || (order[i] == last && left-- <= 0)) scores[i] = float.NegativeInfinity;

        static int Upper(float number)
        {
            var bits = BitConverter.SingleToInt32Bits(number + 0f); // no zero is below the other
            return (int)((uint)(bits ^ ((bits >> 31) | int.MinValue)) >> (32 - UpperBits)); // in the numbers' order
        }
    }
}
