using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using TransformerTorch.Models;
using TransformerTorch.Text;

namespace TransformerTorch.AI.Tests.Support;

/// <summary>A folder with a small random LLaMA and its chat template, or a T5 without, and a tokenizer; gone after the tests.</summary>
public sealed class SmallModel : IDisposable
{
    /// <summary>Qwen's form of a chat, without its finer points.</summary>
    private const string Template = """
        {%- if tools %}tools: {{ tools | tojson }} <tool_call>
        {% endif %}{%- for m in messages %}<{{ m.role }}>{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>
        {{ c.function | tojson }}
        </tool_call>{% endfor %}
        {% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}
        """;

    /// <summary>A chat's turns, and what each assistant thought.</summary>
    private const string Turns = """
        {%- for m in messages %}<{{ m.role }}>{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}
        {%- endfor %}<assistant>
        """;

    /// <summary>A template that leaves thinking to the model, Qwen3's way.</summary>
    public const string Thinking = Turns + "{% if enable_thinking is defined and enable_thinking is false %}"
        + "{{ '<think>\n\n</think>\n\n' }}{% endif %}";

    /// <summary>A template that has the model think in any case, DeepSeek-R1's way.</summary>
    public const string AlwaysThinking = Turns + "{{ '<think>\n' }}";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("transformertorch-");

    public SmallModel(int context = 512, bool encoder = false, string template = Template)
    {
        var tokenizer = Tokenizer.FromFile(Path.Combine(Fixtures, "tokenizers", "gpt2", "tokenizer.json"));
        var config = ModelConfig.FromKeys(encoder ? new JsonObject
        {
            ["model_type"] = "t5", ["architectures"] = new JsonArray("T5ForConditionalGeneration"),
            ["vocab_size"] = tokenizer.VocabularySize, ["d_model"] = 32, ["d_kv"] = 8, ["d_ff"] = 48,
            ["num_layers"] = 2, ["num_heads"] = 4, ["n_positions"] = context,
            ["pad_token_id"] = 0, ["decoder_start_token_id"] = 0, ["eos_token_id"] = 1, ["torch_dtype"] = "float32",
        } : new JsonObject
        {
            ["model_type"] = "llama", ["architectures"] = new JsonArray("LlamaForCausalLM"), ["vocab_size"] = tokenizer.VocabularySize,
            ["hidden_size"] = 32, ["intermediate_size"] = 48, ["num_hidden_layers"] = 2, ["num_attention_heads"] = 4,
            ["num_key_value_heads"] = 2, ["max_position_embeddings"] = context, ["initializer_range"] = 0.3,
            ["bos_token_id"] = 0, ["eos_token_id"] = 0, ["torch_dtype"] = "float32",
        }, "small");
        TorchSharp.torch.manual_seed(5);
        using var model = PretrainedModel.Create(config);
        model.InitializeWeights();
        ModelFolder.Save(model, Root);
        tokenizer.Save(Path.Combine(Root, "tokenizer.json"));
        var settings = encoder ? [] : new JsonObject { ["chat_template"] = template };
        File.WriteAllText(Path.Combine(Root, "tokenizer_config.json"), settings.ToJsonString());
    }

    /// <summary>Has the model write a text and end, whatever it is asked: each token is favoured after those before it.</summary>
    public SmallModel Saying(string text)
    {
        int[] ids = [.. Tokenizer.FromFile(Path.Combine(Root, "tokenizer.json")).Encode(text).Ids, 0];
        var biases = Enumerable.Range(1, ids.Length)
            .Select(n => (JsonNode)new JsonArray(new JsonArray([.. ids[..n].Select(id => (JsonNode)id)]), 1000.0 * n));
        var config = new JsonObject { ["sequence_bias"] = new JsonArray([.. biases]) };
        File.WriteAllText(Path.Combine(Root, "generation_config.json"), config.ToJsonString());
        return this;
    }

    /// <summary>The folder.</summary>
    public string Root => _folder.FullName;

    /// <summary>A folder of sentence-transformers.</summary>
    public static string Sentences => Path.Combine(Fixtures, "sentences");

    /// <summary>tests/fixtures</summary>
    public static string Fixtures { get; } = Path.Combine(Repository(), "tests", "fixtures");

    public void Dispose()
    {
        if (_folder.Exists) _folder.Delete(recursive: true);
    }

    private static string Repository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "TransformerTorch.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("tests run inside the repository");
    }
}
