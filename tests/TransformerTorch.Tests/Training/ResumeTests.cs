using TransformerTorch.Checkpoints;
using TransformerTorch.Training;
using TransformerTorch.Training.Optimization;

namespace TransformerTorch.Tests.Training;

/// <summary>Alone, as other tests draw from the same random state and claim the same memory.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

[Collection(nameof(Alone))]
public sealed class ResumeTests : IDisposable
{
    private readonly TinyRun _run = new();

    public void Dispose() => _run.Dispose();

    [Theory]
    [InlineData(false, 5)]
    [InlineData(true, 5)]
    [InlineData(false, 8)]     // where a checkpoint was due anyway
    public void A_run_that_was_interrupted_ends_with_the_same_bits_as_one_that_was_not(bool bf16, int interruption)
    {
        // 5 steps of 2 * 2 windows end inside the first epoch, 12 in a later one; dropout draws random numbers.
        _run.Config = _run.Config with { Bf16 = bf16, GradientAccumulationSteps = 2, PerDeviceTrainBatchSize = 16, EvalSteps = 3 };
        _run.Start();
        var (whole, metrics) = (_run.Hash(12), _run.Metrics());
        Assert.True(metrics[^2]["epoch"]!.GetValue<double>() > 1);

        var interrupted = _run.StartUntil(interruption);
        var resumed = _run.Resume();

        Assert.Equal((interruption, true), (interrupted.Step, interrupted.Interrupted));
        Assert.Equal((12, false), (resumed.Step, resumed.Interrupted));
        Assert.Equal(whole, _run.Hash(12));
        Assert.Equal(Figures(metrics), Figures(_run.Metrics()));
    }

    [Fact]
    public void Resuming_at_twenty_random_steps_ends_with_the_same_bits()
    {
        // With all that has a state: dropout, an average, a patience, norms of gradients, accumulation, recomputation, two epochs and more.
        _run.Config = _run.Config with
        {
            MaxSteps = 40, SaveSteps = 1, EvalSteps = 6, EmaDecay = 0.9, EarlyStoppingPatience = 9, SkipGradNormSpikes = 100,
            GradientAccumulationSteps = 3, PerDeviceTrainBatchSize = 8, GradientCheckpointing = true, Optim = OptimizerName.Adafactor,
            PureBf16 = true, LrSchedulerType = LrSchedulerType.InverseSqrt, WarmupSteps = 5, LearningRate = 1e-2, LayerLrDecay = 0.9,
        };
        _run.Start();
        var whole = _run.Hash(40);
        var random = new Random(1);

        foreach (var step in Enumerable.Range(0, 20).Select(_ => random.Next(1, 40)).Order().Reverse())
        {
            _run.Resume(_run.Checkpoint(step));
            Assert.True(whole == _run.Hash(40), $"after step {step}");
        }
    }

    [Fact]
    public void Float16_resumes_with_its_scale()
    {
        _run.Config = _run.Config with { Fp16 = true, MaxSteps = 8, SaveSteps = 2 };
        _run.Start();
        var whole = _run.Hash(8);
        Assert.Contains("\"scaler\": {", File.ReadAllText(Path.Combine(_run.Checkpoint(4), "loop.json")), StringComparison.Ordinal);

        _run.Resume(_run.Checkpoint(4));

        Assert.Equal(whole, _run.Hash(8));
    }

    [Fact]
    public void Resuming_from_an_earlier_checkpoint_repeats_what_followed_and_keeps_the_later_ones_aside()
    {
        _run.Start();
        var whole = _run.Hash(12);

        _run.Resume(_run.Checkpoint(4));

        Assert.Equal(whole, _run.Hash(12));
        Assert.Contains(_run.Events.OfType<Warned>(), w => w.Message.Contains("set-aside-1", StringComparison.Ordinal));
        Assert.Equal(12, _run.Metrics().Count(m => m.ContainsKey("loss")));
    }

    [Theory]
    [InlineData("model.safetensors", true)]
    [InlineData("optimizer.safetensors", false)]
    [InlineData("loop.json", true)]
    [InlineData("SHA256SUMS", true)]
    public void A_truncated_or_altered_checkpoint_is_named_and_the_one_before_it_is_used(string file, bool truncated)
    {
        _run.Start();
        var whole = _run.Hash(12);
        var path = Path.Combine(_run.Checkpoint(12), file);
        var bytes = File.ReadAllBytes(path);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(path, truncated ? bytes[..(bytes.Length / 2)] : bytes);

        var refused = Assert.Throws<CheckpointException>(() => _run.Resume(_run.Checkpoint(12)));
        _run.Resume();

        Assert.Contains(file, refused.Message, StringComparison.Ordinal);
        Assert.Contains(_run.Checkpoint(8), refused.Message, StringComparison.Ordinal);
        Assert.Contains(_run.Events.OfType<Warned>(), w => w.Message.Contains(_run.Checkpoint(12), StringComparison.Ordinal));
        Assert.Equal(8, _run.Events.OfType<Started>().Last().Step);
        Assert.Equal(whole, _run.Hash(12));
    }

    [Fact]
    public void A_finished_run_that_is_resumed_changes_nothing()
    {
        _run.Start();
        var (whole, metrics) = (_run.Hash(12), _run.Metrics().Count);

        var again = _run.Resume();

        Assert.Equal((12, false, metrics, whole), (again.Step, again.Interrupted, _run.Metrics().Count, _run.Hash(12)));
    }

    [Fact]
    public void A_folder_without_checkpoints_is_named()
    {
        var error = Assert.Throws<CheckpointException>(() => _run.Resume());

        Assert.Contains(Path.Combine(_run.Config.OutputDir, "checkpoints"), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_changed_configuration_is_told()
    {
        _run.StartUntil(4);
        _run.Config = _run.Config with { LearningRate = 5e-4 };

        _run.Resume();

        Assert.Contains(_run.Events.OfType<Warned>(), w => w.Message.Contains("learning_rate: 0.0005", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(OptimizerName.AdamwTorch, OptimizerName.Lion)]      // a mean of gradients both have
    [InlineData(OptimizerName.Lion, OptimizerName.AdamwTorch)]
    [InlineData(OptimizerName.Sgd, OptimizerName.Adafactor)]
    public void A_checkpoint_of_another_optimizer_is_refused_with_what_to_do(OptimizerName before, OptimizerName after)
    {
        _run.Config = _run.Config with { Optim = before };
        _run.StartUntil(4);
        _run.Config = _run.Config with { Optim = after };

        var error = Assert.Throws<CheckpointException>(() => _run.Resume());

        Assert.Contains("another optimizer", error.Message, StringComparison.Ordinal);
        Assert.Contains("init_from", error.Message, StringComparison.Ordinal);
    }

    private static IEnumerable<string> Figures(IEnumerable<System.Text.Json.Nodes.JsonObject> metrics) => metrics.Select(m =>
    {
        foreach (var timed in (string[])["tokens_per_second", "data_wait", "mfu"]) m.Remove(timed);
        m.Remove("eval_seconds");
        return m.ToJsonString();
    });
}
