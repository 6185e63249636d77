using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using TransformerTorch.Configuration;

namespace TransformerTorch.Tests.Configuration;

/// <summary>A configuration with a key of every kind, for the tests of the reader.</summary>
[Description("A run.")]
public sealed record SampleConfig : IValidated
{
    [Description("Where results go.")]
    public required string OutputDir { get; init; }

    [Description("Passes over the data.")]
    [Range(1, int.MaxValue)]
    public int Epochs { get; init; } = 3;

    public int? MaxSteps { get; init; }

    public long Seed { get; init; } = 42;

    [Range(0.0, 1.0, MaximumIsExclusive = true)]
    public double Dropout { get; init; } = 0.1;

    public bool Shuffle { get; init; } = true;

    public SamplePrecision Precision { get; init; } = SamplePrecision.Fp32;

    [Range(0.0, 1.0)]
    public IReadOnlyList<double> Betas { get; init; } = [0.9, 0.95];

    public string[] Tags { get; init; } = [];

    public string? Note { get; init; }

    public IReadOnlyDictionary<string, double> Weights { get; init; } = new Dictionary<string, double>();

    public SampleSchedule Schedule { get; init; } = new() { WarmupSteps = 10 };

    public SampleData Data { get; init; } = new DocumentationData();

    public JsonObject? Model { get; init; }

    public SampleSize Shard { get; init; } = new(5_000_000_000);

    public IEnumerable<(string Key, string Message)> Validate()
    {
        if (MaxSteps < Schedule.WarmupSteps)
            yield return ("schedule.warmup_steps", $"{Schedule.WarmupSteps} steps of warm-up do not fit into max_steps {MaxSteps}");
        if (Note == "both") yield return (nameof(OutputDir), "contradicts note");
    }
}

public enum SamplePrecision
{
    Fp32,
    Bf16,
    [JsonStringEnumMemberName("8-bit")] EightBit,
}

public sealed record SampleSchedule
{
    public int WarmupSteps { get; init; }

    [Range(0, double.MaxValue, MinimumIsExclusive = true)]
    public double LearningRate { get; init; } = 1e-3;
}

[JsonPolymorphic(TypeDiscriminatorPropertyName = "source")]
[JsonDerivedType(typeof(DocumentationData), "dotnet-docs")]
[JsonDerivedType(typeof(TextData), "text")]
public abstract record SampleData
{
    public int MaxTokens { get; init; } = 1000;
}

public sealed record DocumentationData : SampleData;

public sealed record TextData : SampleData
{
    public required string Path { get; init; }
}

/// <summary>A size such as 5GB: a type that reads itself.</summary>
public readonly record struct SampleSize(long Bytes) : IParsable<SampleSize>
{
    public static SampleSize Parse(string s, IFormatProvider? provider)
        => TryParse(s, provider, out var size) ? size : throw new FormatException("expected a size such as 5GB");

    public static bool TryParse(string? s, IFormatProvider? provider, out SampleSize result)
    {
        var read = long.TryParse(s is [.., 'G', 'B'] ? s[..^2] : null, provider, out var billions);
        result = new SampleSize(billions * 1_000_000_000);
        return read;
    }

    public override string ToString() => $"{Bytes / 1_000_000_000}GB";
}
