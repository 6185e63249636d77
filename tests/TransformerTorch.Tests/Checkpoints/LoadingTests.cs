using TransformerTorch.Checkpoints;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Checkpoints;

/// <summary>How weights come into memory: none before they are loaded, of the type asked for, shards as one file.</summary>
public class LoadingTests
{
    [Fact]
    public void A_model_of_7_billion_weights_is_built_without_memory_for_them()
    {
        var config = ModelConfig.FromKeys(new() { ["model_type"] = "llama" }, "test");
        using var model = ModelFolder.Build(config, ScalarType.BFloat16, CPU);
        var parameters = model.parameters().ToList();
        Assert.Equal(6_738_415_616, parameters.Sum(p => p.numel()));
        Assert.All(parameters, p => Assert.True(Weights.IsPending(p) && p.dtype == ScalarType.BFloat16 && p.requires_grad));
    }

    [Fact]
    public void Outside_of_loading_a_parameter_has_memory_at_once()
    {
        using (Weights.Pending(ScalarType.Float32, CPU)) { }
        using var parameter = Weights.Empty(3, 4);
        Assert.False(Weights.IsPending(parameter));
    }

    [Theory, InlineData("gpt2"), InlineData("llama")]
    public void Weights_have_the_type_asked_for(string name)
    {
        using var scope = NewDisposeScope();
        using var exact = ModelFolder.Load(Fixtures.Model(name));
        using var half = ModelFolder.Load(Fixtures.Model(name), new LoadOptions { Type = ScalarType.BFloat16 });
        foreach (var ((_, a), (_, b)) in exact.named_parameters().Zip(half.named_parameters()))
        {
            Assert.Equal((ScalarType.Float32, ScalarType.BFloat16), (a.dtype, b.dtype));
            TensorAssert.Close(a.detach().to(ScalarType.BFloat16), b.detach(), within: 0);
        }
        using var ids = arange(12, ScalarType.Int64).view(2, 6);
        using var off = no_grad();
        var inputs = new ModelInputs { Ids = ids };
        var (expected, found) = (exact.call(inputs)["logits"], half.call(inputs)["logits"].to(ScalarType.Float32));
        Assert.True((expected - found).norm().item<float>() < 0.05 * expected.norm().item<float>());
    }

    [Fact]
    public void A_saved_half_precision_model_keeps_its_type_where_that_is_asked_for()
    {
        using var folder = new TemporaryFolder();
        using (var half = ModelFolder.Load(Fixtures.Model("llama"), new LoadOptions { Type = ScalarType.BFloat16 }))
            ModelFolder.Save(half, folder.Root);
        using var kept = ModelFolder.Load(folder.Root, new LoadOptions { Type = null });
        Assert.All(kept.parameters(), p => Assert.Equal(ScalarType.BFloat16, p.dtype));
    }

    [SkippableTheory, InlineData("gpt2"), InlineData("llama")]
    public void A_mapped_model_is_the_same_and_can_be_trained(string name)
    {
        Skip.IfNot(NativeBridge.IsAvailable, "mapping needs the native bridge");
        using var scope = NewDisposeScope();
        using var expected = ModelFolder.Load(Fixtures.Model(name));
        using var mapped = ModelFolder.Load(Fixtures.Model(name), new LoadOptions { Mapped = true });
        foreach (var ((_, a), (_, b)) in expected.named_parameters().Zip(mapped.named_parameters())) TensorAssert.Close(a, b, within: 0);
        using var ids = arange(12, ScalarType.Int64).view(2, 6);
        LossTerm.Total(mapped.Loss(new ModelInputs { Ids = ids }, new ModelLabels { Labels = ids })).backward();
        using var off = no_grad();
        foreach (var p in mapped.parameters()) p.sub_(p.grad!);
        using var again = ModelFolder.Load(Fixtures.Model(name));
        foreach (var ((_, a), (_, b)) in expected.named_parameters().Zip(again.named_parameters())) TensorAssert.Close(a, b, within: 0);
    }

    /// <summary>Truth: Transformers, whose heads over tokens have none (<c>add_pooling_layer=False</c>) and pass it over.</summary>
    [Theory]
    [InlineData("bert-token-classification", "bert")]
    [InlineData("bert-question-answering", "bert")]
    [InlineData("mpnet-masked-lm", "mpnet")]
    public void A_pooler_that_the_task_does_not_use_is_passed_over(string name, string prefix)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Load(Fixtures.Model(name));
        ModelFolder.SaveConfiguration(model, folder.Root);
        SafeTensorsWriter.Write(folder["model.safetensors"],
        [
            .. WeightLoader.Published(model, model.Names),
            ($"{prefix}.pooler.dense.weight", () => ones(32, 32)), ($"{prefix}.pooler.dense.bias", () => ones(32)),
        ]);
        using var loaded = ModelFolder.Load(folder.Root);
        foreach (var ((_, a), (_, b)) in model.named_parameters().Zip(loaded.named_parameters())) TensorAssert.Close(a, b, within: 0);
    }

    [Fact]
    public void Weights_over_the_limit_come_in_shards_with_an_index_and_replace_what_was_there()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Load(Fixtures.Model("llama"));
        ModelFolder.Save(model, folder.Root);
        ModelFolder.Save(model, folder.Root, mostShardBytes: 20_000);
        var shards = Directory.GetFiles(folder.Root, "*.safetensors").Select(f => Path.GetFileName(f)!).Order().ToList();
        Assert.True(shards.Count > 2);
        Assert.Equal(shards, Enumerable.Range(1, shards.Count).Select(i => $"model-{i:00000}-of-{shards.Count:00000}.safetensors"));
        var index = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(folder["model.safetensors.index.json"]))!;
        Assert.Equal(4 * model.parameters().Sum(p => p.numel()), (long)index["metadata"]!["total_size"]!);
        using (var loaded = ModelFolder.Load(folder.Root))
            foreach (var ((_, a), (_, b)) in model.named_parameters().Zip(loaded.named_parameters())) TensorAssert.Close(a, b, within: 0);

        ModelFolder.Save(model, folder.Root);
        Assert.Equal(["config.json", "generation_config.json", "model.safetensors"],
            Directory.GetFiles(folder.Root).Select(Path.GetFileName).Order());
    }
}
