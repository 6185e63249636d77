using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using TransformerTorch.Models;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Checkpoints;

/// <summary>Model folders of the reference: loaded, saved back, damaged.</summary>
public class ModelFolderTests
{
    [Theory, InlineData("gpt2"), InlineData("llama"), InlineData("llama-rope-scaled-tied")]
    public void A_loaded_model_is_saved_back_byte_for_byte(string name)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using (var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model(name))) ModelFolder.Save(model, folder.Root);

        using var original = TensorFile.Open(Path.Combine(Fixtures.Model(name), "model.safetensors"));
        using var saved = TensorFile.Open(folder["model.safetensors"]);
        Assert.Equal(original.Tensors.Keys.Order(), saved.Tensors.Keys.Order());
        foreach (var (tensor, entry) in original.Tensors)
        {
            Assert.Equal(entry.Shape, saved.Tensors[tensor].Shape);
            Assert.Equal(original.Read(tensor).bytes.ToArray(), saved.Read(tensor).bytes.ToArray());
        }
        Assert.True(JsonNode.DeepEquals(Json(Path.Combine(Fixtures.Model(name), "config.json")), Json(folder["config.json"])));
        Assert.Equal("2", Json(folder["generation_config.json"])["eos_token_id"]!.ToJsonString());
        ModelFolder.Load(folder.Root).Dispose();
    }

    [Fact]
    public void Shards_with_an_index_load_as_one_file_does()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        Shard(folder, map => map);
        using var expected = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("gpt2"));
        using var model = ModelFolder.Load<CausalLanguageModel>(folder.Root);
        foreach (var ((_, a), (_, b)) in expected.named_parameters().Zip(model.named_parameters())) TensorAssert.Close(a, b, within: 0);
    }

    [Theory]
    [InlineData("../two.safetensors", "'../two.safetensors' is no file of this folder")]
    [InlineData("/etc/passwd", "'/etc/passwd' is no file of this folder")]
    [InlineData("three.safetensors", "the shard three.safetensors is missing")]
    [InlineData("one.safetensors", "one.safetensors has no tensor")]
    public void An_index_that_points_elsewhere_is_refused(string file, string message)
    {
        using var folder = new TemporaryFolder();
        Shard(folder, name => name == "two.safetensors" ? file : name);
        var error = Assert.Throws<CheckpointException>(() => ModelFolder.Load(folder.Root));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_unexpected_and_misshaped_tensors_are_all_listed()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        Rewrite(folder, tensors =>
        {
            tensors.Remove("transformer.h.0.ln_1.weight");
            tensors.Remove("transformer.h.1.mlp.c_fc.bias");
            tensors["transformer.wpe.weight"] = zeros(39, 32);
            tensors["transformer.h.2.ln_1.weight"] = zeros(32);
        });
        var error = Assert.Throws<CheckpointException>(() => ModelFolder.Load(folder.Root));
        Assert.Equal($"""
            {folder.Root} does not fit the model:
              missing (2): transformer.h.0.ln_1.weight, transformer.h.1.mlp.c_fc.bias
              mis-shaped (1): transformer.wpe.weight is (39, 32), the model has (40, 32)
              unexpected (1): transformer.h.2.ln_1.weight
            """, error.Message, ignoreLineEndingDifferences: true);
    }

    [Fact]
    public void A_checkpoint_of_the_bare_stack_with_old_buffers_and_a_tied_copy_loads()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        Rewrite(folder, tensors =>
        {
            foreach (var name in tensors.Keys.ToList())
            {
                tensors[name["transformer.".Length..]] = tensors[name];
                tensors.Remove(name);
            }
            tensors["h.0.attn.bias"] = ones(1, 1, 40, 40);
            tensors["h.0.attn.masked_bias"] = tensor(-1e4f);
            tensors["lm_head.weight"] = tensors["wte.weight"].clone();
        });
        using var expected = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("gpt2"));
        using var model = ModelFolder.Load<CausalLanguageModel>(folder.Root);
        foreach (var ((_, a), (_, b)) in expected.named_parameters().Zip(model.named_parameters())) TensorAssert.Close(a, b, within: 0);
    }

    [Fact]
    public void Weights_of_another_type_are_converted_when_loaded()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        Rewrite(folder, tensors =>
        {
            foreach (var name in tensors.Keys.ToList()) tensors[name] = tensors[name].to(ScalarType.BFloat16);
        });
        using var expected = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("gpt2"));
        using var model = ModelFolder.Load<CausalLanguageModel>(folder.Root);
        foreach (var ((_, a), (_, b)) in expected.named_parameters().Zip(model.named_parameters()))
            TensorAssert.Close(a.detach().to(ScalarType.BFloat16).to(ScalarType.Float32), b, within: 0);
    }

    [Fact]
    public void A_config_that_is_not_json_is_named()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], "{\"model_type\": ");
        var error = Assert.Throws<ModelConfigException>(() => ModelFolder.Load(folder.Root));
        Assert.StartsWith($"{folder["config.json"]}:1:16: not JSON", error.Message, StringComparison.Ordinal);
    }

    private static JsonNode Json(string path) => JsonNode.Parse(File.ReadAllText(path))!;

    private static Dictionary<string, Tensor> Reference()
    {
        using var file = TensorFile.Open(Path.Combine(Fixtures.Model("gpt2"), "model.safetensors"));
        return file.Tensors.Keys.ToDictionary(n => n, file.Read);
    }

    private static void Rewrite(TemporaryFolder folder, Action<Dictionary<string, Tensor>> change)
    {
        var tensors = Reference();
        change(tensors);
        File.Copy(Path.Combine(Fixtures.Model("gpt2"), "config.json"), folder["config.json"]);
        SafeTensorsWriter.Write(folder["model.safetensors"], [.. tensors.Select(t => (t.Key, (Func<Tensor>)(() => t.Value.alias())))]);
    }

    private static void Shard(TemporaryFolder folder, Func<string, string> file)
    {
        using var scope = NewDisposeScope();
        var tensors = Reference().OrderBy(t => t.Key, StringComparer.Ordinal).ToList();
        File.Copy(Path.Combine(Fixtures.Model("gpt2"), "config.json"), folder["config.json"]);
        var map = new JsonObject();
        foreach (var (name, part) in new[] { ("one.safetensors", tensors[..10]), ("two.safetensors", tensors[10..]) })
        {
            SafeTensorsWriter.Write(folder[name], [.. part.Select(t => (t.Key, (Func<Tensor>)(() => t.Value.alias())))]);
            foreach (var (tensor, _) in part) map[tensor] = file(name);
        }
        File.WriteAllText(folder["model.safetensors.index.json"], new JsonObject { ["weight_map"] = map }.ToJsonString());
    }
}
