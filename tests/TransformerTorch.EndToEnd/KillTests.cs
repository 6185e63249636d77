using System.Globalization;
using TransformerTorch.EndToEnd.Support;

namespace TransformerTorch.EndToEnd;

/// <summary>Truth: the weights of the same run left alone.</summary>
public sealed class KillTests
{
    /// <summary>Three times here; as often as TT_KILLS says.</summary>
    private static readonly int _kills =
        int.Parse(Environment.GetEnvironmentVariable("TT_KILLS") ?? "3", CultureInfo.InvariantCulture);

    [SkippableFact]
    public void A_run_killed_at_random_moments_and_resumed_ends_with_the_weights_of_one_that_was_not()
    {
        Skip.If(OperatingSystem.IsWindows(), "POSIX signals");
        var steps = 100 * _kills;
        string[] train = ["train", "run.yaml", "--set", $"max_steps={steps}", "--set", "save_steps=7", "--set", "eval_steps=0",
            "--set", "ema_decay=0.9", "--set", "gradient_accumulation_steps=2"];
        using Tt whole = TinyTraining.Folder(), tt = TinyTraining.Folder();
        whole.Run(train).Succeeded();
        var random = new Random(5);

        var killed = 0;
        while (killed < _kills)
        {
            using var training = tt.Start(Continued(tt, train));
            training.WaitFor(line => line.StartsWith("step ", StringComparison.Ordinal));
            Thread.Sleep(random.Next(0, 700));
            if (training.HasEnded) break;
            training.Signal(9);
            training.Ended();
            killed++;
        }
        tt.Run(Continued(tt, train)).Succeeded();

        Assert.True(killed >= Math.Min(_kills, 3), $"only {killed} kills before the run was over");
        Assert.Equal(File.ReadAllBytes(whole.At("run/model/model.safetensors")), File.ReadAllBytes(tt.At("run/model/model.safetensors")));
        Assert.Equal(TinyTraining.Steps(whole, "loss"), TinyTraining.Steps(tt, "loss"));
    }

    private static string[] Continued(Tt tt, string[] train) =>
        Directory.Exists(tt.At("run/checkpoints")) && Directory.GetDirectories(tt.At("run/checkpoints"), "step-*").Length > 0
            ? [.. train, "--resume"] : train;
}
