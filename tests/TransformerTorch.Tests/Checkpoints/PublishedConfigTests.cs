using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using TransformerTorch.Generation;
using TransformerTorch.Models;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Checkpoints;

/// <summary>Configurations as Transformers 4 and 5 spell them, and how they are saved back.</summary>
public class PublishedConfigTests
{
    [Fact]
    public void Rotary_positions_spelled_as_in_version_4_give_the_same_numbers()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var original = Fixtures.Model("llama-rope-scaled-tied");
        var config = Json(Path.Combine(original, "config.json"));
        var scaling = config["rope_parameters"]!.AsObject();
        config.Remove("rope_parameters");
        config["rope_theta"] = scaling["rope_theta"]!.DeepClone();
        scaling.Remove("rope_theta");
        config["rope_scaling"] = scaling.DeepClone();
        config["torch_dtype"] = config["dtype"]!.DeepClone();
        config.Remove("dtype");
        folder.Write("config.json", config.ToJsonString());
        File.Copy(Path.Combine(original, "model.safetensors"), folder["model.safetensors"]);

        using var expected = ModelFolder.Load<CausalLanguageModel>(original);
        using var model = ModelFolder.Load<CausalLanguageModel>(folder.Root);
        var inputs = new ModelInputs { Ids = arange(24, ScalarType.Int64).view(1, 24) };
        TensorAssert.Close(expected.Logits(inputs), model.Logits(inputs), within: 0);
    }

    [Theory, InlineData("dtype"), InlineData("torch_dtype")]
    public void The_type_that_is_saved_is_told_under_the_key_that_was_there(string key)
    {
        using var folder = new TemporaryFolder();
        using var saved = new TemporaryFolder();
        var config = Json(Path.Combine(Fixtures.Model("gpt2"), "config.json"));
        config.Remove("dtype");
        config[key] = "float32";
        folder.Write("config.json", config.ToJsonString());
        File.Copy(Path.Combine(Fixtures.Model("gpt2"), "model.safetensors"), folder["model.safetensors"]);
        using (var model = ModelFolder.Load(folder.Root, new LoadOptions { Type = ScalarType.BFloat16 }))
            ModelFolder.Save(model, saved.Root);
        config[key] = "bfloat16";
        Assert.True(JsonNode.DeepEquals(config, Json(saved["config.json"])));
    }

    [Fact]
    public void What_a_model_says_of_generation_is_saved_back_whole()
    {
        using var folder = new TemporaryFolder();
        using var saved = new TemporaryFolder();
        foreach (var name in (string[])["config.json", "model.safetensors"])
            File.Copy(Path.Combine(Fixtures.Model("gpt2"), name), folder[name]);
        folder.Write("generation_config.json", """{"do_sample":true,"top_k":7,"eos_token_id":[2,3],"of_the_future":{"a":1}}""");
        using (var model = ModelFolder.Load(folder.Root)) ModelFolder.Save(model, saved.Root);
        Assert.True(JsonNode.DeepEquals(Json(folder["generation_config.json"]), Json(saved["generation_config.json"])));
    }

    [Fact]
    public void A_model_of_before_generation_config_says_it_in_its_configuration()
    {
        using var folder = new TemporaryFolder();
        folder.Write("config.json", """{"model_type":"gpt2","do_sample":true,"top_k":7,"max_new_tokens":9,"eos_token_id":2,"n_embd":8}""");
        var options = GenerationOptions.Read(folder.Root);
        Assert.Equal((7, 9, 1.0), (options.TopK, options.MaxNewTokens, options.Temperature));
        Assert.Equal(["eos_token_id", "max_new_tokens", "do_sample", "top_k"], GenerationKeys.Read(folder.Root).Select(p => p.Key));
    }

    [Fact]
    public void Beams_that_a_folder_would_draw_among_are_searched_and_without_beams_it_draws()
    {
        using var folder = new TemporaryFolder();
        folder.Write("generation_config.json", """{"do_sample":true,"temperature":0.6,"num_beams":3,"num_return_sequences":2}""");
        Assert.Equal(new GenerationOptions { Temperature = 0, Beams = 3, Returned = 2 }, GenerationOptions.Read(folder.Root));
        Assert.Equal(new GenerationOptions { Temperature = 0.6, TopK = 50 }, GenerationOptions.Read(folder.Root, beams: false));
    }

    [Theory]
    [InlineData("config.json", """{"model_type":"gpt2","layer_norm_epsilon":NaN}""", ":1:43")]
    [InlineData("generation_config.json", """{"temperature":Infinity}""", ":1:16")]
    [InlineData("generation_config.json", "[]", "")]
    public void What_is_no_json_is_named_with_its_place(string name, string text, string place)
    {
        using var folder = new TemporaryFolder();
        File.Copy(Path.Combine(Fixtures.Model("gpt2"), "config.json"), folder["config.json"]);
        folder.Write(name, text);
        var error = Assert.ThrowsAny<Exception>(() => ModelFolder.Load(folder.Root));
        Assert.True(error is CheckpointException or ModelConfigException);
        Assert.StartsWith($"{folder[name]}{place}: not JSON", error.Message, StringComparison.Ordinal);
    }

    private static JsonObject Json(string path) => JsonNode.Parse(File.ReadAllText(path))!.AsObject();
}
