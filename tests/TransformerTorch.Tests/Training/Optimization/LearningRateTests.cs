using System.Text.Json.Nodes;
using TransformerTorch.Configuration;
using TransformerTorch.Training.Optimization;

namespace TransformerTorch.Tests.Training.Optimization;

/// <summary>Truth: the rates of Transformers' get_scheduler, by fixtures/optimizers/make.py.</summary>
public sealed class LearningRateTests
{
    private static readonly JsonArray _reference = OptimizerTests.Read("schedules.json").AsArray();

    public static TheoryData<int> Cases => [.. Enumerable.Range(0, _reference.Count)];

    [Theory, MemberData(nameof(Cases))]
    public void Each_steps_rate_is_the_references(int index)
    {
        var reference = _reference[index]!;
        var options = (JsonObject)reference["options"]!.DeepClone();
        var least = (double?)options["min_lr_rate"] ?? (double?)options["min_lr_ratio"] ?? 0;
        options.Remove("min_lr_rate");
        options.Remove("min_lr_ratio");
        var name = (string)reference["name"]! is "cosine_with_min_lr" ? "cosine" : (string)reference["name"]!;
        var schedule = Yaml.Parse<Scheduled>($"type: {name}\nkwargs: {options.ToJsonString()}", "test");
        var rate = new LearningRate(0.02, (int)reference["warmup"]!, TotalSteps: 40, schedule.Type)
        {
            MinimumRate = least, Options = schedule.Kwargs,
        };

        var expected = reference["rates"]!.AsArray().Select(r => (double)r!).ToArray();

        Assert.All(Enumerable.Range(0, expected.Length), step => Assert.Equal(expected[step], rate.At(step), 1e-12));
    }

    internal sealed record Scheduled
    {
        public LrSchedulerType Type { get; init; }

        public LrSchedulerKwargs Kwargs { get; init; } = new();
    }
}
