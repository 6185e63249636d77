namespace TransformerTorch.Layers;

/// <summary>How rotary frequencies are stretched so that a model reads longer texts than it was trained on.</summary>
public abstract record RotaryScaling
{
    /// <summary>Multiplies cosines and sines, and so scores by its square.</summary>
    public double Magnitude { get; init; } = 1;

    /// <summary>Whether frequencies depend on how long the text is.</summary>
    public virtual bool ByLength => false;

    /// <summary>The most positions of a model that is configured for some.</summary>
    public virtual double Reach(int positions) => positions;

    /// <summary>The stretched frequencies.</summary>
    /// <param name="options">base and size</param>
    /// <param name="length">the text's length; matters only <see cref="ByLength"/></param>
    public abstract IEnumerable<double> Frequencies(RotaryOptions options, long length);
}

/// <summary>All frequencies divided by one factor (Chen et al., 2023, "position interpolation").</summary>
public sealed record LinearScaling(double Factor) : RotaryScaling
{
    /// <inheritdoc/>
    public override double Reach(int positions) => positions * Factor;

    /// <inheritdoc/>
    public override IEnumerable<double> Frequencies(RotaryOptions options, long length)
        => Rotary.Frequencies(options, options.Theta).Select(f => f / Factor);
}

/// <summary>
/// Only slow frequencies divided (LLaMA 3.1): wavelengths under <paramref name="Context"/>/<paramref name="High"/> stay, those over
/// <paramref name="Context"/>/<paramref name="Low"/> are divided, between the two blends.
/// </summary>
public sealed record BandScaling(double Factor, double Low, double High, int Context) : RotaryScaling
{
    /// <inheritdoc/>
    public override IEnumerable<double> Frequencies(RotaryOptions options, long length)
        => Rotary.Frequencies(options, options.Theta).Select(frequency =>
        {
            var wavelength = 2 * Math.PI / frequency;
            var keep = Math.Clamp(((Context / wavelength) - Low) / (High - Low), 0, 1);
            return frequency * (keep + ((1 - keep) / Factor));
        });
}

/// <summary>A larger base for texts longer than <paramref name="Context"/>, the larger the longer ("dynamic NTK").</summary>
public sealed record DynamicScaling(double Factor, int Context) : RotaryScaling
{
    /// <inheritdoc/>
    public override double Reach(int positions) => positions * Factor;

    /// <inheritdoc/>
    public override bool ByLength => true;

    /// <inheritdoc/>
    public override IEnumerable<double> Frequencies(RotaryOptions options, long length)
    {
        var stretch = (Factor * Math.Max(length, Context) / Context) - (Factor - 1);
        return Rotary.Frequencies(options, options.Theta * Math.Pow(stretch, options.Size / (options.Size - 2.0)));
    }
}

/// <summary>
/// YaRN (Peng et al., 2023): frequencies that turn more than <see cref="Fast"/> times within the trained context stay, those that turn
/// less than <see cref="Slow"/> times are divided, between the two a ramp.
/// </summary>
public sealed record YarnScaling(double Factor, int Context) : RotaryScaling
{
    /// <inheritdoc/>
    public override double Reach(int positions) => Math.Max(positions, Context * Factor);

    /// <summary>beta_fast, turns.</summary>
    public double Fast { get; init; } = 32;

    /// <summary>beta_slow, turns.</summary>
    public double Slow { get; init; } = 1;

    /// <summary>Whether the ramp begins and ends at whole features.</summary>
    public bool Truncate { get; init; } = true;

    /// <inheritdoc/>
    public override IEnumerable<double> Frequencies(RotaryOptions options, long length)
    {
        var (first, last) = (Feature(Fast), Feature(Slow));
        if (Truncate) (first, last) = (Math.Floor(first), Math.Ceiling(last));
        (first, last) = (Math.Max(first, 0), Math.Min(last, options.Size - 1));
        var width = first == last ? 0.001 : last - first;
        return Rotary.Frequencies(options, options.Theta).Select((frequency, i) =>
        {
            var divided = Math.Clamp((i - first) / width, 0, 1);
            return frequency * (1 - divided + (divided / Factor));
        });

        // The feature, seen as a real number, that turns so many times within the context.
        double Feature(double turns) => options.Size * Math.Log(Context / (turns * 2 * Math.PI)) / (2 * Math.Log(options.Theta));
    }

    /// <summary>The magnitude that the paper gives a factor, more or less of it by a multiplier.</summary>
    public static double MagnitudeOf(double factor, double multiplier = 1)
        => factor <= 1 ? 1 : (0.1 * multiplier * Math.Log(factor)) + 1;
}

/// <summary>A divisor for each frequency (Ding et al., 2024, "LongRoPE"), one set up to the trained context and another beyond.</summary>
public sealed record ListedScaling(IReadOnlyList<double> Within, IReadOnlyList<double> Beyond, int Context) : RotaryScaling
{
    /// <inheritdoc/>
    public override bool ByLength => true;

    /// <inheritdoc/>
    public override IEnumerable<double> Frequencies(RotaryOptions options, long length)
        => Rotary.Frequencies(options, options.Theta).Zip(length > Context ? Beyond : Within, (frequency, divisor) => frequency / divisor);
}
