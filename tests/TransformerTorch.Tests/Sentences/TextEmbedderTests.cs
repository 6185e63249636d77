using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using TransformerTorch.Models;
using TransformerTorch.Sentences;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Sentences;

/// <summary>
/// Texts to vectors against Transformers' hidden states, pooled by sentence-transformers' formulas: tests/fixtures/sentences/make.py.
/// </summary>
public class TextEmbedderTests
{
    private static readonly string s_folder = Path.Combine(Fixtures.Root, "sentences");
    private static readonly JsonObject s_expected = JsonNode.Parse(File.ReadAllText(Path.Combine(s_folder, "expected.json")))!.AsObject();

    private static readonly int[] s_lengths = [9, 1, 14, 3, 14, 20, 6];

    private static string[] Texts => [.. s_expected["texts"]!.AsArray().Select(t => $"{t}")];

    [Theory, InlineData(1), InlineData(30), InlineData(4096)]
    public void Texts_get_the_references_vectors_in_their_order_whatever_the_batch(int batchTokens)
    {
        using var embedder = TextEmbedder.Load(s_folder);
        var vectors = embedder.Embed(Texts, new EmbeddingSettings { BatchTokens = batchTokens });
        Close("vectors", vectors);
        Assert.All(vectors, v => Assert.Equal(1, v.Sum(x => (double)x * x), 1e-5));
    }

    [Theory]
    [InlineData("bert-pretraining")]
    [InlineData("roberta-masked-lm")]
    [InlineData("distilbert-masked-lm")]
    [InlineData("electra-masked-lm")]
    [InlineData("modernbert-masked-lm")]
    [InlineData("esm-masked-lm")]
    [InlineData("deberta-v2-conv-qa")]
    [InlineData("qwen3")]
    [InlineData("bloom")]
    public void Texts_of_different_lengths_are_read_as_each_alone(string fixture)
    {
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Load(Fixtures.Model(fixture));
        var random = new Random(5);
        int[][] texts = [.. s_lengths.Select(n => Enumerable.Range(0, n).Select(_ => random.Next(5, 30)).ToArray())];
        int longest = texts.Max(t => t.Length), padding = model.Config.PaddingToken ?? 0;
        var inputs = new ModelInputs
        {
            Ids = Rows(t => t.Select(id => (long)id), padding), Mask = Rows(t => t.Select(_ => 1L), 0),
        };

        var hidden = EncodedBatch.Hidden(model, inputs);

        foreach (var (text, row) in texts.Select((t, i) => (t, i)))
        {
            var alone = model.Backbone.Hidden(new ModelInputs { Ids = tensor(text.Select(id => (long)id).ToArray()).unsqueeze(0) });
            TensorAssert.Close(alone.squeeze(0), hidden[row].narrow(0, 0, text.Length), 1e-4);
        }

        Tensor Rows(Func<int[], IEnumerable<long>> of, long filler) => tensor(
            [.. texts.SelectMany(t => of(t).Concat(Enumerable.Repeat(filler, longest - t.Length)))], [texts.Length, longest]);
    }

    [Fact]
    public void A_named_prompt_stands_before_each_text()
    {
        using var embedder = TextEmbedder.Load(s_folder);
        Close("queries", embedder.Embed(Texts, new EmbeddingSettings { Prompt = "query" }));
        var error = Assert.Throws<ArgumentException>(() => embedder.Embed("dog", new EmbeddingSettings { Prompt = "passage" }));
        Assert.Equal("no prompt 'passage' here, but query", error.Message);
    }

    /// <summary>Truth: the mean of the hidden states behind "[CLS] query :", worked out by hand.</summary>
    [Fact]
    public void A_prompt_is_read_but_not_pooled_where_the_folder_says_so()
    {
        using var scope = NewDisposeScope();
        using var folder = Copy("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
            "config_sentence_transformers.json");
        folder.Write("modules.json", """[{"path":"","type":"x.Transformer"},{"path":"1_Pooling","type":"x.Pooling"}]""");
        folder.Write("1_Pooling/config.json", """{"pooling_mode":"mean","include_prompt":false}""");
        using var embedder = TextEmbedder.Load(folder.Root);
        var ids = Text.Tokenizer.FromPretrained(folder.Root).EncodeToIds("query: the red cat").Select(id => (long)id).ToArray();
        using var _ = no_grad();
        var hidden = embedder.Model.Backbone.Hidden(new ModelInputs { Ids = tensor(ids).unsqueeze(0) });
        var expected = hidden[0].narrow(0, 3, ids.Length - 3).mean([0]);

        var vectors = embedder.Embed(["the red cat", "dog"], new EmbeddingSettings { Prompt = "query" });

        TensorAssert.Close(expected, tensor(vectors[0]), 1e-5);
    }

    [Fact]
    public void The_smallest_of_all_limits_is_the_most_that_is_read()
    {
        using var embedder = TextEmbedder.Load(s_folder);
        Assert.Equal(8, embedder.MaximumTokens);
        Assert.Equal(embedder.Embed("the cat sat on the mat"), embedder.Embed("the cat sat on the mat and the dog ran"));
    }

    /// <summary>Truth: sentence-transformers strips and, where told, lowers a text before its tokenizer, which here does neither.</summary>
    [Theory, InlineData("sentence_bert_config.json"), InlineData("sentence_xlm-roberta_config.json")]
    public void Texts_are_read_without_space_around_them_and_in_lower_case_where_the_folder_says_so(string settings)
    {
        using var folder = Copy("config.json", "model.safetensors", "tokenizer_config.json");
        var tokenizer = JsonNode.Parse(File.ReadAllText(Path.Combine(s_folder, "tokenizer.json")))!;
        (tokenizer["normalizer"], tokenizer["pre_tokenizer"]) = (null, null);
        folder.Write("tokenizer.json", tokenizer.ToJsonString());
        using (var plain = TextEmbedder.Load(folder.Root))
        {
            Assert.Equal(plain.Embed("dog"), plain.Embed("\tdog \n"));
            Assert.NotEqual(plain.Embed("dog"), plain.Embed("Dog"));
        }
        folder.Write(settings, """{"max_seq_length":7,"do_lower_case":true}""");
        using var lowering = TextEmbedder.Load(folder.Root);
        Assert.Equal(lowering.Embed("dog"), lowering.Embed(" Dog"));
        Assert.Equal(7, lowering.MaximumTokens);
    }

    [Fact]
    public void A_plain_models_folder_is_pooled_by_the_mean()
    {
        using var folder = Copy("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json");
        using var embedder = TextEmbedder.Load(folder.Root);
        Assert.Equal(32, embedder.MaximumTokens);
        Assert.Equal(16, embedder.Embed("dog").Length);
        Assert.Equal(1, embedder.Embed("dog", new EmbeddingSettings { Normalize = true }).Sum(x => (double)x * x), 1e-5);
    }

    /// <summary>Truth: the vectors of the folder that names the bare model, which sentence-transformers loads in any case.</summary>
    [Theory]
    [InlineData("BertForMaskedLM", false)]
    [InlineData("BertForTokenClassification", false)]
    [InlineData("Contriever", true)]
    public void The_bare_model_is_what_embeds_whatever_class_the_folder_names(string architecture, bool pooled)
    {
        using var folder = Copy("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json");
        using var expected = TextEmbedder.Load(folder.Root);
        using var changed = Copy("tokenizer.json", "tokenizer_config.json");
        var config = JsonNode.Parse(File.ReadAllText(folder["config.json"]))!;
        config["architectures"] = new JsonArray(architecture);
        changed.Write("config.json", config.ToJsonString());
        using (var weights = TensorFile.Open(folder["model.safetensors"]))
            SafeTensorsWriter.Write(changed["model.safetensors"],
            [
                .. weights.Tensors.Keys.Where(n => pooled || !n.StartsWith("pooler", StringComparison.Ordinal))
                    .Select(n => (n, (Func<Tensor>)(() => weights.Read(n)))),
                ("cls.predictions.bias", () => ones(5)),
            ]);

        using var embedder = TextEmbedder.Load(changed.Root);

        Assert.Equal(expected.Embed(Texts), embedder.Embed(Texts));
    }

    [Theory]
    [InlineData("""[{"path":"","type":"x.Transformer"},{"path":"1","type":"x.CNN"}]""",
        "a module CNN, expected Pooling, Dense or Normalize")]
    [InlineData("""[{"path":"","type":"x.Transformer"},{"path":"../1","type":"x.Pooling"}]""", "../1 is not inside the folder")]
    [InlineData("""[{"path":"1","type":"x.Pooling"}]""", "modules.json does not begin with a transformer")]
    [InlineData("""[{"path":""}]""", "a module without a type")]
    [InlineData("""{}""", "not a list of modules")]
    [InlineData("""[""", "not JSON")]
    public void Modules_that_cannot_be_are_refused_by_name(string modules, string message)
    {
        using var folder = Copy("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json");
        folder.Write("modules.json", modules);
        var error = Assert.Throws<CheckpointException>(() => TextEmbedder.Load(folder.Root));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"pooling_mode":"median"}""", "pooling_mode median is none of cls, max, mean")]
    [InlineData("""{"pooling_mode_cls_token":false}""", "no pooling mode is set")]
    public void A_pooling_that_cannot_be_is_refused_by_name(string config, string message)
    {
        using var folder = Copy("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json");
        folder.Write("modules.json", """[{"path":"","type":"x.Transformer"},{"path":"1_Pooling","type":"x.Pooling"}]""");
        folder.Write("1_Pooling/config.json", config);
        var error = Assert.Throws<CheckpointException>(() => TextEmbedder.Load(folder.Root));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    private static TemporaryFolder Copy(params string[] files)
    {
        var folder = new TemporaryFolder();
        foreach (var file in files) File.Copy(Path.Combine(s_folder, file), folder[file]);
        return folder;
    }

    private static void Close(string name, float[][] vectors)
    {
        var expected = s_expected[name]!.AsArray();
        Assert.Equal(expected.Count, vectors.Length);
        for (var i = 0; i < vectors.Length; i++)
        {
            var wanted = expected[i]!.AsArray().Select(v => v!.GetValue<double>()).ToArray();
            Assert.Equal(wanted.Length, vectors[i].Length);
            for (var j = 0; j < wanted.Length; j++) Assert.Equal(wanted[j], vectors[i][j], 1e-5);
        }
    }
}
