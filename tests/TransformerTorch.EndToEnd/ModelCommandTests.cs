using System.Runtime.CompilerServices;
using TransformerTorch.EndToEnd.Support;

namespace TransformerTorch.EndToEnd;

public sealed class ModelCommandTests
{
    [Fact]
    public void Inspect_counts_parameters_by_part()
    {
        using var tt = new Tt();

        Assert.Contains("30,592", tt.Run("inspect", Fixture("models/gpt2")).Succeeded().Output, StringComparison.Ordinal);
        var report = tt.Run("inspect", Fixture("models/gpt2"), "--json").Succeeded().Json;
        Assert.Equal((30_592, 5_120), ((int)report["parameters"]!, (int)report["parts"]!["embeddings"]!));
        Assert.Equal(16 * 30_592, (int)report["bytes_to_train"]!);
    }

    [Fact]
    public void Convert_makes_safetensors_of_another_type_in_shards()
    {
        using var tt = new Tt();

        tt.Run("convert", Fixture("checkpoints/gpt2-legacy"), "out", "--dtype", "bf16", "--max-shard-size", "2KB").Succeeded();
        var report = tt.Run("inspect", "out", "--json").Succeeded().Json;
        Assert.Equal(["BF16", "U8"], report["types"]!.AsObject().Select(t => t.Key).Order());
        Assert.True(report["files"]!.AsObject().Count > 1);
    }

    [Fact]
    public void Beams_draw_nothing_where_the_folder_would_and_are_refused_beside_what_only_draws_need()
    {
        using var tt = new Tt();
        Directory.CreateDirectory(tt.At("model"));
        foreach (var file in Directory.GetFiles(Fixture("models/gpt2"))) File.Copy(file, tt.At($"model/{Path.GetFileName(file)}"));
        tt.Write("model/generation_config.json", """{"do_sample":true,"temperature":0.7}""");
        string[] generate = ["generate", "--model", "model", "--prompt-ids", "5,6", "--max-new-tokens", "6", "--beams", "3"];

        var found = tt.Run(generate).Succeeded().Output;
        var refused = tt.Run([.. generate, "--seed", "1"]);

        Assert.Equal(found, tt.Run(generate).Output);
        Assert.Equal((2, "tt: num_beams is 3, which draws nothing, but seed is 1: leave out one of the two"),
            (refused.ExitCode, refused.Error.Trim()));
    }

    [SkippableFact]
    public void Where_libtorch_wants_a_newer_C_library_than_the_machines_the_dotnet_that_has_it_is_named()
    {
        using var tt = new Tt();
        string[] arguments = [Path.Combine(AppContext.BaseDirectory, "tt.dll"), "generate", "--model", Fixture("models/gpt2")];
        using var running = tt.StartProgram("dotnet", [.. arguments, "--prompt-ids", "5", "--max-new-tokens", "1"]);
        var outcome = running.Ended();
        Skip.If(outcome.ExitCode == 0, "the machine's own dotnet runs it");

        Assert.StartsWith("tt: The native bridge to libtorch cannot be loaded. This machine's C library is older", outcome.Error);
        Assert.Contains($"start the program by '{Tt.Host}'", outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("convert a b --dtype q8_0", "tt: --dtype q8_0 is for GGUF: let OUT end with .gguf")]
    [InlineData("convert a b.gguf --dtype q4_0", "tt: --dtype q4_0: GGUF is written in f32, f16, bf16 and q8_0")]
    [InlineData("convert a b --max-shard-size big", "tt: --max-shard-size big: expected a size such as 5GB or 500MB")]
    public void What_cannot_be_written_is_wrong_usage(string arguments, string expected)
    {
        using var tt = new Tt();

        var outcome = tt.Run(arguments.Split(' '));
        Assert.Equal((2, expected), (outcome.ExitCode, outcome.Error.Trim()));
    }

    [Fact]
    public void From_GGUF_to_GGUF_the_way_leads_through_a_folder()
    {
        using var tt = new Tt();
        tt.Write("a.gguf", "GGUF");

        var outcome = tt.Run("convert", "a.gguf", "b.gguf");
        Assert.Equal((2, "tt: a.gguf is GGUF already: convert it into a folder first, and that into b.gguf"),
            (outcome.ExitCode, outcome.Error.Trim()));
    }

    private static string Fixture(string name, [CallerFilePath] string here = "")
        => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../fixtures", name));
}
