using System.Text.Json.Nodes;
using TransformerTorch.Models;

namespace TransformerTorch.Tests.Models;

/// <summary>Configurations that cannot be are refused with source, key, value and what was expected.</summary>
public class ModelConfigTests
{
    [Theory]
    [InlineData("""{}""", "here: model_type is missing")]
    [InlineData("""{"model_type":"gpt2","n_embd":"wide"}""", "here: n_embd is \"wide\", expected a whole number")]
    [InlineData("""{"model_type":"gpt2","n_embd":1.5}""", "here: n_embd is 1.5, expected a whole number")]
    [InlineData("""{"model_type":"gpt2","n_layer":0}""", "here: n_layer is 0, expected at least 1")]
    [InlineData("""{"model_type":"gpt2","n_embd":10,"n_head":3}""", "here: n_embd 10 is no multiple of n_head 3")]
    [InlineData("""{"model_type":"gpt2","resid_pdrop":1}""", "here: resid_pdrop is 1, expected a probability in [0, 1)")]
    [InlineData("""{"model_type":"gpt2","tie_word_embeddings":"yes"}""", "here: tie_word_embeddings is \"yes\", expected true or false")]
    [InlineData("""{"model_type":"llama","num_attention_heads":6,"hidden_size":12,"num_key_value_heads":4}""",
        "here: num_attention_heads 6 is no multiple of num_key_value_heads 4")]
    [InlineData("""{"model_type":"llama","rope_scaling":{"type":"ntk"}}""",
        "here: rope_scaling: type is \"ntk\", expected one of default, dynamic, linear, llama3, longrope, yarn")]
    [InlineData("""{"model_type":"llama","rope_scaling":{"type":"longrope","short_factor":[1],"long_factor":[2]}}""",
        "here: rope_scaling: short_factor is [1], expected 64 numbers")]
    [InlineData("""{"model_type":"phi","hidden_size":24,"num_attention_heads":2,"partial_rotary_factor":0.3}""",
        "here: 3 rotary features of a head of 12 do not pair up")]
    [InlineData("""{"model_type":"gemma2","layer_types":["full_attention"]}""",
        "here: layer_types is [\"full_attention\"], expected sliding_attention or full_attention for each of 26 layers")]
    [InlineData("""{"model_type":"llama","rope_scaling":{"type":"linear"}}""", "here: rope_scaling: factor is missing")]
    public void A_wrong_value_is_named_with_its_place(string json, string message)
    {
        var error = Assert.Throws<ModelConfigException>(() => ModelConfig.FromKeys(JsonNode.Parse(json)!.AsObject(), "here"));
        Assert.Equal(message, error.Message);
    }

    [Fact]
    public void An_unknown_family_is_refused_with_those_there_are()
    {
        var error = Assert.Throws<ModelConfigException>(() => ModelConfig.FromKeys(new JsonObject { ["model_type"] = "gpt5" }, "here"));
        Assert.Equal($"here: model_type is \"gpt5\", expected one of {string.Join(", ", ModelCatalog.Names.Order())}", error.Message);
        Assert.Contains("bert", ModelCatalog.Names);
    }

    [Fact]
    public void An_unknown_activation_is_refused_with_those_there_are()
    {
        var keys = JsonNode.Parse("""{"model_type":"gpt2","activation_function":"gelo"}""")!.AsObject();
        var error = Assert.Throws<ModelConfigException>(() => ModelConfig.FromKeys(keys, "here"));
        Assert.StartsWith("here: activation_function is \"gelo\", expected one of gelu, gelu_fast", error.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Absent_keys_take_the_published_defaults()
    {
        var config = ModelConfig.FromKeys(new JsonObject { ["model_type"] = "gpt2" }, "here");
        Assert.Equal((50257, 1024, 12, 768), (config.VocabularySize, config.ContextLength, config.Main.Blocks.Count,
            config.Main.Embeddings.Width));
        Assert.True(config.TieEmbeddings);
        Assert.Equal(3072, config.Main.Blocks[0].FeedForward.HiddenSize);
    }
}
