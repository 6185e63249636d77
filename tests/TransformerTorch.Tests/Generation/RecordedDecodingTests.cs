using System.Text.Json.Nodes;
using TransformerTorch.Generation;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Tests.Training;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Generation;

/// <summary>
/// Texts whose steps are recorded and replayed, against the same texts by the cache that grows. The recording is one of the CPU's, which
/// does the work when it is replayed; on a GPU the same code records a CUDA graph.
/// </summary>
[Collection(nameof(Alone))]
public sealed class RecordedDecodingTests
{
    private const string s_llama = """
        { "num_hidden_layers": 2, "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "num_key_value_heads": 2,
          "max_position_embeddings": 64
        """;

    private const string s_small = """{ "n_layer": 1, "n_embd": 16, "n_head": 2, "n_positions": 64 }""";

    private static readonly int[][] s_prompts = [[5, 6, 7], [9, 2, 4]];

    [Theory]
    [InlineData("gpt2", """{ "n_layer": 2, "n_embd": 32, "n_head": 2, "n_positions": 64 }""")]
    [InlineData("gpt2", """{ "n_layer": 1, "n_embd": 16, "n_head": 2, "n_positions": 27 }""")] // to its last position
    [InlineData("bloom", """{ "n_layer": 2, "hidden_size": 32, "n_head": 2, "seq_length": 64 }""")]
    [InlineData("llama", s_llama + "}")]
    [InlineData("mistral", s_llama + """, "sliding_window": 8 }""")]
    public void Texts_are_the_same(string family, string keys)
    {
        if (!NativeBridge.IsAvailable) return;
        using var scope = NewDisposeScope();
        var model = Model(family, keys);
        var options = new GenerationOptions { Temperature = 0, MaxNewTokens = 24, EndTokens = [] };
        var expected = new TokenGenerator(model).Generate(s_prompts, options);
        var recordings = new List<Deferred>();

        var found = new TokenGenerator(model) { Record = () => New(recordings) }.Generate(s_prompts, options);

        Assert.Equal(expected, found);
        Assert.Equal(24 - 1 - 2, Assert.Single(recordings).Replays);     // one by the prompt, two before it is recorded
        Assert.Equal(expected[0], new TokenGenerator(model) { Record = () => New(recordings) }.Stream(s_prompts[0], options));
    }

    [Fact]
    public void What_cannot_be_recorded_goes_on_by_itself_and_says_why()
    {
        if (!NativeBridge.IsAvailable) return;
        using var scope = NewDisposeScope();
        var model = Model("gpt2", s_small);
        var options = new GenerationOptions { Temperature = 0, MaxNewTokens = 8, EndTokens = [] };
        var (expected, told, before) = (new TokenGenerator(model).Generate(s_prompts, options), new List<string>(), Devices.Recorded);

        Devices.Recorded = told.Add;
        try
        {
            var generator = new TokenGenerator(model) { Record = () => new Deferred { Refuses = true } };
            Assert.Equal(expected, generator.Generate(s_prompts, options));
        }
        finally
        {
            Devices.Recorded = before;
        }

        Assert.Contains("it waits", Assert.Single(told), StringComparison.Ordinal);
    }

    [Fact]
    public void Padded_prompts_and_beams_take_the_cache_that_grows()
    {
        using var scope = NewDisposeScope();
        var model = Model("gpt2", s_small);
        var recordings = new List<Deferred>();
        var generator = new TokenGenerator(model) { Record = () => New(recordings) };
        var options = new GenerationOptions { Temperature = 0, MaxNewTokens = 8, EndTokens = [] };

        int[][] uneven = [[5, 6, 7], [9]];
        Assert.Equal(new TokenGenerator(model).Generate(uneven, options), generator.Generate(uneven, options));
        Assert.Equal(new TokenGenerator(model).Generate(s_prompts, options with { Beams = 2 }),
            generator.Generate(s_prompts, options with { Beams = 2 }));

        Assert.Empty(recordings);
    }

    private static CausalLanguageModel Model(string family, string keys)
    {
        manual_seed(4);
        var all = (JsonObject)JsonNode.Parse(keys)!;
        (all["model_type"], all["vocab_size"]) = (family, 40);
        var model = (CausalLanguageModel)PretrainedModel.Create(ModelConfig.FromKeys(all, "the test"));
        model.InitializeWeights();
        using (no_grad()) foreach (var weight in model.parameters()) weight.mul_(4);     // so that texts are not all one token
        return model;
    }

    private static Deferred New(List<Deferred> all)
    {
        all.Add(new Deferred());
        return all[^1];
    }

    private sealed class Deferred : IRecording
    {
        private Action? _work;

        public bool Refuses { get; init; }

        public int Replays { get; private set; }

        public void Record(Action work) => _work = Refuses ? throw new InvalidOperationException("it waits for the device") : work;

        public void Replay()
        {
            Replays++;
            _work!();
        }

        public void Dispose() { }
    }
}
