using TorchSharp;
using TransformerTorch.Data;
using TransformerTorch.Tests.Support;
using TransformerTorch.Training;
using TransformerTorch.Training.Optimization;

namespace TransformerTorch.Tests.Training;

public sealed class SurvivalTests : IDisposable
{
    private readonly TinyRun _run = new();

    public void Dispose() => _run.Dispose();

    [Fact]
    public void A_loss_that_is_not_finite_stops_before_the_update_and_names_the_step()
    {
        _run.Config = _run.Config with { LearningRate = 1e30, MaxGradNorm = 0 };

        var error = Assert.Throws<TrainingException>(() => _run.Start());

        var done = _run.Events.OfType<StepDone>().Last().Metrics.Step;
        Assert.Contains($"Step {done + 1}:", error.Message, StringComparison.Ordinal);
        Assert.Contains("not updated", error.Message, StringComparison.Ordinal);
        Assert.All(_run.Metrics(), m => Assert.True(double.IsFinite(m["loss"]!.GetValue<double>())));
    }

    [Fact]
    public void A_checkpoint_that_cannot_be_written_stops_with_the_last_good_one_intact()
    {
        // As a full disk would: the folder for step 8 cannot be made, as a file has its name.
        _run.Also = e =>
        {
            if (e is Saved { Step: 4 }) File.WriteAllText(_run.Checkpoint(8), "");
        };

        var error = Assert.Throws<TrainingException>(() => _run.Start());
        File.Delete(_run.Checkpoint(8));

        Assert.Contains("Step 8", error.Message, StringComparison.Ordinal);
        Assert.Contains(_run.Checkpoint(4), error.Message, StringComparison.Ordinal);
        Assert.Equal([_run.Checkpoint(4)], Directory.GetFileSystemEntries(Path.Combine(_run.Config.OutputDir, "checkpoints")));
        Assert.Equal(12, _run.Resume().Step);
    }

    [SkippableFact]
    public void A_disk_that_is_full_while_a_checkpoint_is_written_leaves_the_earlier_one_and_no_half_one()
    {
        Skip.IfNot(File.Exists("/dev/full"));
        _run.StartUntil(4);
        using var nothing = new Optimizer([], new AdamW());
        var checkpoints = Path.Combine(_run.Config.OutputDir, "checkpoints");
        var full = new CheckpointParts(nothing, "")
        {
            SaveModel = folder =>
            {
                File.WriteAllText(Path.Combine(folder, "config.json"), "{}");
                using var disk = new FileStream("/dev/full", FileMode.Open, FileAccess.Write);
                disk.Write(new byte[100_000]);
            },
            LoadModel = _ => { },
        };

        var error = Assert.Throws<IOException>(() =>
            TrainingCheckpoint.Save(checkpoints, new(8, 0, new(1, 0, 0, []), new Dictionary<string, byte[]>())
            {
                OptimizerSteps = 8, Guard = new(0, 0, 0, 0), Best = new(null, 0, 0),
            }, full));

        Assert.Contains("No space left", error.Message, StringComparison.Ordinal);
        Assert.Equal([_run.Checkpoint(4)], Directory.GetFileSystemEntries(checkpoints));
        Assert.Null(AtomicFolder.Defect(_run.Checkpoint(4)));
    }

    [Fact]
    public void Two_runs_do_not_write_into_one_folder()
    {
        TrainingException? refused = null;
        _run.Also = e =>
        {
            if (e is Started) refused = Assert.Throws<TrainingException>(() => new TrainingRun(_run.Config, new Silent()).Start());
        };

        _run.Start();

        Assert.Contains("another run", refused!.Message, StringComparison.Ordinal);
    }

    private sealed class Silent : ITrainingReporter
    {
        public void Report(TrainingEvent trainingEvent) { }
    }

    [Fact]
    public void What_a_killed_process_left_half_written_is_neither_loaded_nor_kept()
    {
        _run.StartUntil(4);
        var checkpoints = Path.Combine(_run.Config.OutputDir, "checkpoints");
        Directory.CreateDirectory(Path.Combine(checkpoints, ".unfinished-step-8-2147483646"));
        File.WriteAllText(Path.Combine(checkpoints, ".unfinished-step-8-2147483646", "model.safetensors"), "half");
        Directory.CreateDirectory(_run.Checkpoint(6));
        File.AppendAllText(Path.Combine(_run.Config.OutputDir, "metrics.jsonl"), "{\"step\": 5, \"lo");
        var samples = Path.Combine(_run.Config.OutputDir, "samples.jsonl");
        File.WriteAllText(samples, "{\"step\": 4}\n{\"step\": 5}\n{\"step\": 5, \"te");

        _run.Resume();

        Assert.Equal(4, _run.Events.OfType<Started>().Last().Step);
        Assert.DoesNotContain(Directory.GetDirectories(checkpoints), d => d.Contains("unfinished", StringComparison.Ordinal));
        Assert.Equal("{\"step\": 4}\n", File.ReadAllText(samples));
        Assert.Equal(Enumerable.Range(1, 12), _run.Metrics().Where(m => m.ContainsKey("loss")).Select(m => m["step"]!.GetValue<int>()));
    }

    [Fact]
    public void Old_checkpoints_go_but_damaged_ones_do_not_count_as_kept()
    {
        _run.Config = _run.Config with { SaveTotalLimit = 1 };
        _run.Also = e =>
        {
            if (e is Saved { Step: 8 }) File.Delete(Path.Combine(_run.Checkpoint(8), "model.safetensors"));
        };

        _run.Start();

        Assert.Equal(["step-12", "step-8"], Directory.GetDirectories(Path.Combine(_run.Config.OutputDir, "checkpoints"))
            .Select(Path.GetFileName).Order());
        Assert.Null(AtomicFolder.Defect(_run.Checkpoint(12)));
    }

    [Fact]
    public void An_earlier_run_in_the_same_folder_is_moved_not_lost()
    {
        _run.Start();
        var metrics = File.ReadAllText(Path.Combine(_run.Config.OutputDir, "metrics.jsonl"));

        _run.Start();

        Assert.Equal(metrics, File.ReadAllText(Path.Combine(_run.Config.OutputDir, "earlier-1", "metrics.jsonl")));
        Assert.Contains(_run.Events.OfType<Warned>(), w => w.Message.Contains("earlier-1", StringComparison.Ordinal));
    }

    [Fact]
    public void A_folder_is_written_wholly_or_not_at_all()
    {
        using var folder = new TemporaryFolder();

        Assert.Throws<IOException>(() => AtomicFolder.Write(folder["x"], unfinished =>
        {
            File.WriteAllText(Path.Combine(unfinished, "a"), "1");
            throw new IOException("No space left on device");
        }));

        Assert.Empty(Directory.GetFileSystemEntries(folder.Root));
    }

    [Fact]
    public void What_another_process_is_still_writing_beside_stays()
    {
        using var folder = new TemporaryFolder();
        var (gone, living) = (folder[".unfinished-a-2147483646"], folder[".unfinished-b-1"]);
        foreach (var unfinished in (string[])[gone, living]) Directory.CreateDirectory(unfinished);

        AtomicFolder.Write(folder["x"], _ => { });

        Assert.Equal([living, folder["x"]], Directory.GetDirectories(folder.Root).Order());
    }

    [Fact]
    public void A_folder_that_another_replaces_stays_until_that_is_whole()
    {
        using var folder = new TemporaryFolder();
        AtomicFolder.Write(folder["x"], unfinished => File.WriteAllText(Path.Combine(unfinished, "a"), "1"));

        Assert.Throws<IOException>(() => AtomicFolder.Write(folder["x"], _ => throw new IOException("No space left"), replaces: true));
        Assert.Null(AtomicFolder.Defect(folder["x"]));

        AtomicFolder.Write(folder["x"], unfinished => File.WriteAllText(Path.Combine(unfinished, "b"), "2"), replaces: true);
        Assert.Equal(["SHA256SUMS", "b"], Directory.GetFiles(folder["x"]).Select(Path.GetFileName).Order());
        Assert.Single(Directory.GetFileSystemEntries(folder.Root));
    }

    [Fact]
    public void Steps_leave_no_tensors_behind()
    {
        _run.Config = _run.Config with { MaxSteps = 60, SaveSteps = 20, EvalSteps = 20, GradientAccumulationSteps = 2 };
        var live = new List<long>();
        _run.Also = e =>
        {
            if (e is StepDone done) live.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        };

        _run.Start();

        Assert.Equal(live[5], live[^1]);
    }
}
