using System.Text.Json.Nodes;
using TransformerTorch.EndToEnd.Support;

namespace TransformerTorch.EndToEnd;

public sealed class UsageTests
{
    [Theory]
    [InlineData("train --stes 5 run.yaml", "tt train: unknown option '--stes'. Did you mean --set?")]
    [InlineData("trian run.yaml", "tt: unknown command 'trian'. Did you mean train?")]
    [InlineData("train --resum", "tt train: unknown option '--resum'. Did you mean --resume?")]
    [InlineData("train run.yaml more", "tt train: unknown argument 'more'.")]
    [InlineData("generate --prompt a", "tt generate: Option '--model' is required.")]
    [InlineData("generate --model m", "tt generate: give either --prompt TEXT or --prompt-ids IDS")]
    [InlineData("generate --model m --prompt-ids 1,b", "tt generate: --prompt-ids: 'b' is no id; expected whole numbers such as 5,6,7")]
    [InlineData("generate --model m --prompt a --top-k many",
        "tt generate: Cannot parse argument 'many' for option '--top-k': expected a whole number")]
    [InlineData("generate --model m --prompt a --device gpu", "tt: unknown device 'gpu': expected auto, cpu, cuda or cuda:N")]
    [InlineData("predict --model m --device cuda:x a", "tt: unknown device 'cuda:x': expected auto, cpu, cuda or cuda:N")]
    [InlineData("bench matmul --device gpu", "tt: unknown device 'gpu': expected auto, cpu, cuda or cuda:N")]
    [InlineData("verify m --precision fp16", "tt verify: Argument 'fp16' not recognized. Must be one of:")]
    [InlineData("test", "tt: tests are run by scripts/tt test, in a checkout")]
    [InlineData("train run.yaml --set device=gpu",
        "--set device=gpu: device: `gpu` is no device: expected `auto`, `cpu`, `cuda` or `cuda:N`")]
    [InlineData("train none.yaml", "none.yaml: there is no file none.yaml")]
    [InlineData("train run.yaml --set learning_rate=fast", "--set learning_rate=fast: learning_rate: expected a number, found `fast`")]
    [InlineData("", "tt: Required command was not provided.")]
    public void Wrong_usage_ends_with_2_and_says_what_is_wrong(string arguments, string expected)
    {
        using var tt = TinyTraining.Folder();

        var outcome = tt.Run(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Equal((2, ""), (outcome.ExitCode, outcome.Output));
        Assert.Equal(expected, outcome.Error.Split('\n')[0]);
    }

    [Fact]
    public void Wrong_configuration_ends_with_2_and_all_its_errors_before_anything_is_written()
    {
        using var tt = TinyTraining.Folder();
        tt.Write("run.yaml", TinyTraining.Yaml.Replace("learning_rate:", "learning_rat:", StringComparison.Ordinal)
            .Replace("save_steps: 4", "save_steps: -1", StringComparison.Ordinal));

        var outcome = tt.Run("train", "run.yaml");

        Assert.Equal(2, outcome.ExitCode);
        Assert.Equal(
            "run.yaml:8:1: unknown key `learning_rat`: did you mean `learning_rate`?\n"
            + "run.yaml:11:13: save_steps: -1 is out of range: expected at least 0", outcome.Error);
        Assert.False(Directory.Exists(tt.At("run")));
    }

    [Theory]
    [InlineData("generate --model none --prompt a", "tt: there is no folder none")]
    [InlineData("train run.yaml --set data.files=[none.txt]", "none.txt")]
    [InlineData("train run.yaml --resume", "--resume")]
    public void Failed_work_ends_with_1_and_a_reason_without_a_stack_trace(string arguments, string expected)
    {
        using var tt = TinyTraining.Folder();

        var outcome = tt.Run(arguments.Split(' '));

        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Output));
        Assert.Contains(expected, outcome.Error, StringComparison.Ordinal);
        Assert.InRange(outcome.Error.Split('\n').Length, 1, 2);
        Assert.DoesNotContain("   at ", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_names_every_command()
    {
        using var tt = new Tt();

        var help = tt.Run("--help").Succeeded().Output;

        string[] some = ["train", "generate", "config", "doctor", "test"];
        Assert.All(some, name => Assert.Contains($"\n  {name} ", help, StringComparison.Ordinal));
    }

    [Fact]
    public void Config_checks_a_run_file_and_prints_its_schema()
    {
        using var tt = TinyTraining.Folder();

        Assert.Equal("run.yaml: ok\n", tt.Run("config", "check", "run.yaml").Succeeded().Output);
        var schema = (JsonObject)JsonNode.Parse(tt.Run("config", "schema").Succeeded().Output)!;
        Assert.Equal("https://json-schema.org/draft/2020-12/schema", (string?)schema["$schema"]);
        Assert.Equal(false, (bool?)schema["additionalProperties"]);
        Assert.Equal("number", (string?)schema["properties"]!["learning_rate"]!["type"]);
    }

    [Fact]
    public void Doctor_tells_where_libtorch_is_and_how_fast_it_multiplies()
    {
        using var tt = new Tt();

        var report = tt.Run("doctor", "--json").Succeeded().Json;

        Assert.True(File.Exists((string?)report["libtorch_path"]), $"{report["libtorch_path"]}");
        Assert.True((double)report["matmul_gflops"]! > 0);
        Assert.Contains("cpu", report["devices"]!.AsArray().Select(device => (string?)device));
    }
}
