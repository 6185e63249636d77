using System.Text.Json.Nodes;
using TransformerTorch.Training;

namespace TransformerTorch.Tests.Training;

/// <summary>
/// Whole runs on the device that TT_TEST_DEVICE names (the CPU where it names none), against the same runs on the CPU: what a GPU's
/// kernels, recorded steps and checkpoints change of them is rounding.
/// </summary>
[Collection(nameof(Alone))]
public sealed class DeviceRunTests
{
    private static readonly string s_device = Environment.GetEnvironmentVariable("TT_TEST_DEVICE") ?? "cpu";

    [Theory]
    [InlineData("adamw_torch", false)]
    [InlineData("lion", false)]
    [InlineData("sgd", false)]
    [InlineData("adafactor", false)]
    [InlineData("adamw_torch", true)]
    public void A_run_is_the_same_on_any_device(string optimizer, bool recorded)
    {
        using TinyRun here = new(), there = new();
        var reference = Losses(here, run => Configured(run, optimizer) with { Device = "cpu" });

        var found = Losses(there, run => Configured(run, optimizer) with { Device = s_device, CudaGraphs = recorded });

        Assert.Equal(12, found.Length);
        Assert.All(found.Zip(reference), pair => Assert.InRange(pair.First, pair.Second - 2e-3, pair.Second + 2e-3));
        Assert.DoesNotContain(there.Events, e => e is Warned warned && warned.Message.Contains("recorded", StringComparison.Ordinal));
    }

    [Fact]
    public void A_run_goes_on_where_another_device_left_it()
    {
        using var run = new TinyRun();
        var whole = Losses(run, r => Configured(r, "adamw_torch") with { Device = s_device });
        Directory.Delete(run.Checkpoint(12), recursive: true);
        Directory.Delete(run.Checkpoint(8), recursive: true);
        run.Config = run.Config with { Device = "cpu" };

        run.Resume();

        var resumed = run.Metrics().Where(m => m.ContainsKey("loss")).Select(m => (double)m["loss"]!).ToArray();
        Assert.Equal(12, resumed.Length);
        Assert.All(resumed.Zip(whole), pair => Assert.InRange(pair.First, pair.Second - 2e-3, pair.Second + 2e-3));
    }

    private static RunConfig Configured(TinyRun run, string optimizer) => run.Config with
    {
        Optim = Enum.Parse<OptimizerName>(optimizer.Replace("_", "", StringComparison.Ordinal), ignoreCase: true),
        Model = new JsonObject(run.Config.Model.Select(key => KeyValuePair.Create(key.Key,
            key.Key.EndsWith("_pdrop", StringComparison.Ordinal) ? JsonValue.Create(0.0) : key.Value?.DeepClone()))),
    };

    private static double[] Losses(TinyRun run, Func<TinyRun, RunConfig> configured)
    {
        run.Config = configured(run);
        run.Start();
        return [.. run.Metrics().Where(m => m.ContainsKey("loss")).Select(m => (double)m["loss"]!)];
    }
}
