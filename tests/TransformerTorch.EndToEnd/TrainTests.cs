using System.Xml.Linq;
using TransformerTorch.Configuration;
using TransformerTorch.EndToEnd.Support;
using TransformerTorch.Training;

namespace TransformerTorch.EndToEnd;

public sealed class TrainTests
{
    [Fact]
    public void Training_leaves_what_the_command_line_promises_and_generation_and_resuming_go_on_from_it()
    {
        using var tt = TinyTraining.Folder();

        var trained = tt.Run("train", "run.yaml", "--set", "seed=7", "--json").Succeeded();

        Assert.Equal(12, (int)trained.Json["step"]!);
        Assert.True((double)trained.Json["eval_bits_per_byte"]! > 0);
        Assert.Contains("tt generate --model run/model --prompt 'Line 1'", trained.Output, StringComparison.Ordinal);
        Assert.Contains("step 12: Line 1|", trained.Error, StringComparison.Ordinal);
        var config = Yaml.Load<RunConfig>(tt.At("run/config.yaml"));
        Assert.Equal((7, 0.9), (config.Seed, config.AdamBeta1));
        Assert.Equal(Enumerable.Range(1, 12), TinyTraining.Steps(tt, "loss"));
        Assert.Equal(Enumerable.Range(1, 12), TinyTraining.Steps(tt, "tokens_per_second"));
        Assert.Equal([6, 12], TinyTraining.Steps(tt, "eval_loss"));
        Assert.Equal("svg", XDocument.Load(tt.At("run/loss.svg")).Root!.Name.LocalName);
        Assert.True(Directory.Exists(tt.At("run/checkpoints/step-12")));
        Assert.All(["config.json", "model.safetensors", "tokenizer.json"],
            name => Assert.True(File.Exists(tt.At($"run/model/{name}")), name));

        string[] generate = ["generate", "--model", "run/model", "--max-new-tokens", "5", "--temperature", "1", "--seed", "3"];
        var text = tt.Run([.. generate, "--prompt", "Line 1"]).Succeeded();
        var json = tt.Run([.. generate, "--prompt", "Line 1", "--json"]).Succeeded().Json;
        Assert.Equal(text.Output, (string)json["text"]! + "\n");
        Assert.InRange(json["ids"]!.AsArray().Count, 1, 5);
        var ids = tt.Run([.. generate, "--prompt-ids", "40,41,42"]).Succeeded();
        Assert.InRange(ids.Output.Split(',').Select(int.Parse).Count(), 1, 5);

        var resumed = tt.Run("train", "run.yaml", "--set", "seed=7", "--set", "max_steps=14", "--resume").Succeeded();
        Assert.Contains("going on after step 12", resumed.Error, StringComparison.Ordinal);
        Assert.Equal(Enumerable.Range(1, 14), TinyTraining.Steps(tt, "loss"));
    }

    [Fact]
    public void A_classifier_takes_its_length_from_the_model_and_is_asked_by_the_command_that_training_names()
    {
        using var tt = new Tt();
        var reviews = Enumerable.Range(0, 200).Select(i => i % 2 == 0 ? $"film {i} was great,positive" : $"film {i} was awful,negative");
        tt.Write("reviews.csv", "text,label\n" + string.Join('\n', reviews));
        tt.Write("run.yaml", """
            output_dir: run
            device: cpu
            data: {source: csv, files: [reviews.csv], val_set_size: 0.1, dataset_prepared_path: cache}
            tokenizer: {train: {model: wordpiece, vocab_size: 300}}
            model: {model_type: distilbert, n_layers: 1, dim: 16, n_heads: 2, hidden_dim: 32, max_position_embeddings: 24}
            objective: {type: sequence_classification, text_column: text, label_column: label}
            max_steps: 60
            learning_rate: 1e-2
            """);

        var trained = tt.Run("train", "run.yaml").Succeeded();
        Assert.Contains("tt predict --model run/model", trained.Output, StringComparison.Ordinal);
        Assert.Equal(24, Yaml.Load<RunConfig>(tt.At("run/config.yaml")).Data.SequenceLen);

        string[] predict = ["predict", "--model", "run/model", "--top", "1", "film 900 was great", "film 901 was awful"];
        Assert.Contains("  positive\nfilm 901", tt.Run(predict).Succeeded().Output, StringComparison.Ordinal);
        var said = System.Text.Json.Nodes.JsonNode.Parse(tt.Run([.. predict, "--json"]).Succeeded().Output)!.AsArray();
        Assert.Equal(["positive", "negative"], said.Select(text => (string)text!["found"]![0]!["label"]!));
        var wrong = tt.Run([.. predict, "--question", "Which?"]);
        Assert.Equal(2, wrong.ExitCode);
        Assert.Contains("--question is for models that answer questions", wrong.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_native_bridge_is_told_once_and_the_work_is_done_without_it()
    {
        using var tt = TinyTraining.Folder();
        tt.Environment["TT_NATIVE"] = tt.At("none.so");

        var trained = tt.Run("train", "run.yaml").Succeeded();
        var generated = tt.Run("generate", "--model", "run/model", "--prompt", "Line 1", "--max-new-tokens", "5").Succeeded();

        var told = $"native bridge not used (no {tt.At("none.so")})";
        Assert.Single(trained.Error.Split('\n'), line => line.StartsWith($"note: {told}", StringComparison.Ordinal));
        Assert.Single(generated.Error.Split('\n'), line => line.StartsWith(told, StringComparison.Ordinal));
    }

    [SkippableFact]
    public void Training_takes_no_more_memory_than_it_is_granted()
    {
        Skip.IfNot(File.Exists(Path.Combine(AppContext.BaseDirectory, "libtransformertorch.so")),
            "without the native library libtorch takes what it wants");
        using var tt = TinyTraining.Folder();
        tt.Write("text.txt", string.Concat(Enumerable.Range(0, 1200).Select(i => $"Line {i} says that {i * 7 % 100} follows.\n")));
        tt.Environment["TT_MEMORY_LIMIT"] = "30M"; // a step of 64 rows takes about 130, timing the bare products 7
        const string settings = "model.n_embd=128 model.n_positions=128 data.sequence_len=128 per_device_train_batch_size=64 max_steps=2";
        string[] train = ["train", "run.yaml", .. settings.Split(' ').SelectMany(setting => (string[])["--set", setting])];
        var refused = tt.Run(train);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("64 rows do not fit into memory", refused.Error, StringComparison.Ordinal);
        Assert.Contains("of 30000000 are in use). Set auto_find_batch_size: true", refused.Error, StringComparison.Ordinal);

        var halved = tt.Run([.. train, "--set", "auto_find_batch_size=true"]).Succeeded();
        Assert.Contains("64 rows do not fit into memory: 32 at once from here on", halved.Error, StringComparison.Ordinal);
        Assert.Equal([1, 2], TinyTraining.Steps(tt, "loss"));
    }

    [SkippableTheory]
    [InlineData(2)]  // SIGINT: Ctrl-C
    [InlineData(15)] // SIGTERM
    public void Interrupted_training_writes_a_checkpoint_and_the_command_it_names_goes_on(int signal)
    {
        Skip.If(OperatingSystem.IsWindows(), "POSIX signals");
        using var tt = TinyTraining.Folder();
        using var training = tt.Start("train", "run.yaml", "--set", "max_steps=100000", "--set", "save_steps=0");
        training.WaitFor(line => line.StartsWith("step 6:", StringComparison.Ordinal));

        training.Signal(signal);
        var ended = training.Ended();

        Assert.Equal(130, ended.ExitCode);
        var step = TinyTraining.Steps(tt, "loss")[^1];
        Assert.True(Directory.Exists(tt.At($"run/checkpoints/step-{step}")));
        Assert.EndsWith(
            $"Stopped after step {step} of 100000. To go on:\n  tt train run.yaml --set max_steps=100000 --set save_steps=0 --resume",
            ended.Error, StringComparison.Ordinal);

        tt.Run("train", "run.yaml", "--set", $"max_steps={step + 2}", "--set", "save_steps=0", "--resume").Succeeded();
        Assert.Equal(Enumerable.Range(1, step + 2), TinyTraining.Steps(tt, "loss"));
    }

    [SkippableFact]
    public void A_second_interruption_ends_training_in_the_middle_of_a_step()
    {
        Skip.If(OperatingSystem.IsWindows(), "POSIX signals");
        using var tt = TinyTraining.Folder();
        // One step takes minutes.
        using var training = tt.Start("train", "run.yaml", "--set", "gradient_accumulation_steps=100000");
        training.WaitFor(line => line.Contains("parameters on cpu", StringComparison.Ordinal));

        for (var i = 0; i < 2; i++)
        {
            Thread.Sleep(500); // signals that are not yet delivered would count as one
            training.Signal(2);
        }
        var ended = training.Ended();

        Assert.Equal(130, ended.ExitCode);
        Assert.DoesNotContain("Stopped after step", ended.Error, StringComparison.Ordinal);
        Assert.Empty(TinyTraining.Steps(tt, "loss"));
    }

    [SkippableFact]
    public void Training_killed_at_any_moment_leaves_a_checkpoint_that_loads()
    {
        Skip.If(OperatingSystem.IsWindows(), "POSIX signals");
        using var tt = TinyTraining.Folder();
        var random = new Random(20);
        string[] train = ["train", "run.yaml", "--set", "max_steps=100000", "--set", "save_steps=1", "--set", "eval_steps=0"];

        for (var kill = 0; kill < 3; kill++)
        {
            using var training = kill == 0 ? tt.Start(train) : tt.Start([.. train, "--resume"]);
            training.WaitFor(line => line.Contains(": saved ", StringComparison.Ordinal));
            Thread.Sleep(random.Next(150));
            training.Signal(9);
            training.Ended();
        }

        var last = Directory.GetDirectories(tt.At("run/checkpoints"), "step-*").Max(path => int.Parse(path.Split('-')[^1]));
        var ended = tt.Run([.. train, "--resume", "--set", $"max_steps={last + 1}", "--json"]).Succeeded();
        Assert.Equal(last + 1, (int)ended.Json["step"]!);
        Assert.Equal(Enumerable.Range(1, last + 1), TinyTraining.Steps(tt, "loss"));
    }
}
