namespace TransformerTorch.Data;

/// <summary>SplitMix64 (Steele, Lea, Flood 2014): a small generator whose numbers never change between versions or runtimes.</summary>
/// <param name="state">Where it starts; equal states give equal numbers.</param>
public sealed class SplitMix(ulong state)
{
    private ulong _state = state;

    /// <summary>A generator of its own for each combination of numbers.</summary>
    public static SplitMix Of(long seed, params ReadOnlySpan<long> numbers)
    {
        var mixed = Mix((ulong)seed);
        foreach (var number in numbers) mixed = Mix(mixed ^ Mix((ulong)number + 0x9E3779B97F4A7C15));
        return new(mixed);
    }

    /// <summary>64 random bits.</summary>
    public ulong Next() => Mix(_state += 0x9E3779B97F4A7C15);

    /// <summary>Uniform in [0, bound): the high half of a 128-bit product, its bias below 2^-32 for any bound we meet.</summary>
    public ulong Below(ulong bound) => Math.BigMul(Next(), bound, out _);

    /// <summary>Uniform in [0, bound).</summary>
    public int Below(int bound) => (int)Below((ulong)bound);

    /// <summary>Uniform in [0, 1).</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Fisher-Yates.</summary>
    public void Shuffle<T>(Span<T> values)
    {
        for (var i = values.Length - 1; i > 0; i--)
        {
            var j = Below(i + 1);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }

    /// <summary>Poisson, by Knuth's product of uniforms; for small means.</summary>
    public int Poisson(double mean)
    {
        var (limit, product, count) = (Math.Exp(-mean), NextDouble(), 0);
        for (; product > limit; count++) product *= NextDouble();
        return count;
    }

    /// <summary>So many different numbers below <paramref name="bound"/>, in order.</summary>
    public int[] Choose(int bound, int count)
    {
        var chosen = new HashSet<int>();
        for (var top = bound - count; top < bound; top++)       // Floyd's
        {
            var drawn = Below(top + 1);
            chosen.Add(chosen.Contains(drawn) ? top : drawn);
        }
        return [.. chosen.Order()];
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
