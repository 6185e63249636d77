using FsCheck.Xunit;
using TransformerTorch.Checkpoints;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Checkpoints;

/// <summary>Conversion between formats and types; truth: what PyTorch read from the same files (fixtures/checkpoints/make.py).</summary>
public class WeightConversionTests
{
    private static string Fixture(string name) => Path.Combine(Fixtures.Root, "checkpoints", name);

    [Theory, InlineData(long.MaxValue), InlineData(2000)]
    public void Pickled_shards_become_safetensors_and_the_same_model(long mostShardBytes)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        WeightConversion.Run(Fixture("gpt2-shards"), folder.Root, new ConversionOptions { MostShardBytes = mostShardBytes });
        Assert.Equal(mostShardBytes > 2000, File.Exists(folder["model.safetensors"]));
        Assert.DoesNotContain(Directory.GetFiles(folder.Root), f => f.Contains(".bin", StringComparison.Ordinal));
        using var truth = TensorFile.Open(Fixture("gpt2.safetensors"));
        using var result = WeightSource.Open(folder.Root);
        Assert.Equal(truth.Tensors.Keys.Order(), result.Names.Order());
        foreach (var name in result.Names) TensorAssert.Close(truth.Read(name), result.FileOf(name).Read(name), within: 0);
        ModelFolder.Load(folder.Root).Dispose();
    }

    [Fact]
    public void Only_numbers_with_a_fraction_change_their_type_and_the_configuration_tells_it()
    {
        using var folder = new TemporaryFolder();
        using var from = new TemporaryFolder();
        using var scope = NewDisposeScope();
        from.Write("config.json", """{"model_type":"x","torch_dtype":"float32"}""");
        from.Write("tokenizer.json", "{}");
        SafeTensorsWriter.Write(from["model.safetensors"], [("a", () => tensor(1.001f)), ("b", () => ones(2, ScalarType.Int64))]);
        WeightConversion.Run(from.Root, folder.Root, new ConversionOptions { Type = ScalarType.BFloat16 });
        using var result = TensorFile.Open(folder["model.safetensors"]);
        Assert.Equal(("BF16", "I64"), (result.Tensors["a"].Type.Name, result.Tensors["b"].Type.Name));
        Assert.Contains("\"torch_dtype\": \"bfloat16\"", File.ReadAllText(folder["config.json"]), StringComparison.Ordinal);
        Assert.True(File.Exists(folder["tokenizer.json"]));
    }

    [Fact]
    public void A_value_that_the_type_cannot_hold_is_named_and_no_weights_are_written()
    {
        using var folder = new TemporaryFolder();
        using var from = new TemporaryFolder();
        SafeTensorsWriter.Write(from["model.safetensors"], [("fits", () => tensor(65504f)), ("large", () => tensor(70000f))]);
        var error = Assert.Throws<CheckpointException>(
            () => WeightConversion.Run(from.Root, folder.Root, new ConversionOptions { Type = ScalarType.Float16 }));
        Assert.Contains("tensor large holds values that are too large for F16", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Root));
    }

    [Fact]
    public void A_folder_is_not_converted_into_itself()
    {
        var error = Assert.Throws<CheckpointException>(
            () => WeightConversion.Run(Fixture("gpt2-shards"), Fixture("gpt2-shards") + "/", new ConversionOptions()));
        Assert.Contains("needs a folder of its own", error.Message, StringComparison.Ordinal);
    }

    [Property(MaxTest = 200)]
    public void Any_index_reads_or_is_refused_by_name(string text, string file, bool asMap)
    {
        using var folder = new TemporaryFolder();
        var map = new System.Text.Json.Nodes.JsonObject { ["weight_map"] = new System.Text.Json.Nodes.JsonObject { ["a"] = file } };
        folder.Write("model.safetensors.index.json", asMap ? map.ToJsonString() : text ?? "");
        var error = Assert.Throws<CheckpointException>(() => WeightSource.Open(folder.Root));
        Assert.StartsWith(folder.Root, error.Message, StringComparison.Ordinal);
    }
}
