using System.Globalization;

namespace TransformerTorch.Training;

/// <summary>A linear axis: values to pixels, with ticks at round numbers (1, 2 or 5 times a power of ten).</summary>
internal sealed class ChartAxis
{
    private readonly double _from, _to, _min, _max;

    /// <param name="values">the least and the greatest value to show</param>
    /// <param name="pixels">where the axis starts and ends; y axes run downwards, so theirs starts below</param>
    /// <param name="ticks">about how many ticks</param>
    public ChartAxis((double Min, double Max) values, (double From, double To) pixels, int ticks)
    {
        var (min, max) = values;
        if (!(max > min)) (min, max) = min == 0 ? (0, 1) : (min - Math.Abs(min) * 0.05, min + Math.Abs(min) * 0.05);
        var power = Math.Pow(10, Math.Floor(Math.Log10((max - min) / ticks)));
        var fitting = (int n) => (max - min) / (n * power) <= ticks + 0.5;
        Step = power * (fitting(1) ? 1 : fitting(2) ? 2 : fitting(5) ? 5 : 10);
        (_min, _max) = (min, max);
        (_from, _to) = pixels;
    }

    /// <summary>Distance between ticks.</summary>
    public double Step { get; }

    public IEnumerable<double> Ticks
    {
        get
        {
            for (var n = Math.Ceiling(_min / Step - 1e-9); n * Step <= _max + Step * 1e-9; n++) yield return n * Step;
        }
    }

    public double Pixel(double value) => _from + (value - _min) / (_max - _min) * (_to - _from);

    /// <summary>A tick's value with as many digits as the ticks need: 0.25, 12, 4k, 1.5M, 6e-4.</summary>
    public string Label(double value)
    {
        if (Math.Abs(value) < Step * 1e-6) return "0";
        if (Step < 1e-3) return value.ToString("0.##e-0", CultureInfo.InvariantCulture);
        var greatest = Math.Max(Math.Abs(_min), Math.Abs(_max));
        var (scale, unit) = greatest switch { >= 1e9 => (1e9, "G"), >= 1e6 => (1e6, "M"), >= 1e4 => (1e3, "k"), _ => (1.0, "") };
        var digits = Math.Clamp((int)Math.Ceiling(-Math.Log10(Step / scale) - 1e-9), 0, 6);
        return (value / scale).ToString("F" + digits, CultureInfo.InvariantCulture) + unit;
    }
}
