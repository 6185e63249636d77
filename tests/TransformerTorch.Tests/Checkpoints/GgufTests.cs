using System.Text.Json.Nodes;
using FsCheck.Xunit;
using TransformerTorch.Checkpoints;
using TransformerTorch.Checkpoints.Gguf;
using TransformerTorch.Models;
using TransformerTorch.Tests.Models;
using TransformerTorch.Tests.Support;
using TransformerTorch.Text;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Checkpoints;

/// <summary>GGUF files of ours, against the models that were written.</summary>
public class GgufTests
{
    // What GGUF has no words for is as llama.cpp has it.
    private static readonly Dictionary<string, (string, JsonNode)[]> s_plain = new()
    {
        ["gpt2"] = [("activation_function", "gelu_new"), ("scale_attn_by_inverse_layer_idx", false), ("n_embd", 64), ("n_head", 4)],
        ["llama"] = [],
        ["mistral"] = [("sliding_window", null!)],
        ["qwen2"] = [("use_sliding_window", false)],
        ["qwen3"] = [("attention_bias", false)],
        ["gemma"] = [("attention_bias", false)],
        ["gemma2"] = [("query_pre_attn_scalar", 8.0)],
        ["gemma3_text"] = [("query_pre_attn_scalar", 8.0), ("sliding_window_pattern", 6)],
        ["phi3"] = [("rope_scaling", null!)],
    };

    private static string Written(TemporaryFolder folder, string family, GgufType type, params (string Key, JsonNode Value)[] changes)
    {
        (string, JsonNode)[] all = [("hidden_size", 64), ("num_attention_heads", 4),
            .. s_plain[family].Select(c => (c.Item1, c.Item2?.DeepClone()!)), .. changes];
        using var model = ModelContractTests.Model(family, all);
        ModelFolder.Save(model, folder["in"]);
        GgufConversion.Write(folder["in"], folder["x.gguf"], type);
        return folder["x.gguf"];
    }

    public static TheoryData<string, GgufType, double> Families()
    {
        var data = new TheoryData<string, GgufType, double>();
        foreach (var family in s_plain.Keys)
            data.Add(family, GgufType.F32, family.StartsWith("gemma", StringComparison.Ordinal) ? 1e-6 : 0); // whose norms are moved by one
        data.Add("gpt2", GgufType.F16, 5e-4);
        data.Add("llama", GgufType.Q8, (0.5 / 127) + (1.0 / 2048)); // half a unit, and the unit's own rounding to float16
        return data;
    }

    [Theory, MemberData(nameof(Families))]
    public void A_model_written_and_read_back_is_what_it_was(string family, GgufType type, double within)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        GgufConversion.Read(Written(folder, family, type), folder["out"]);
        Same(folder, within);
    }

    private static void Same(TemporaryFolder folder, double within)
    {
        using var before = ModelFolder.Load(folder["in"]);
        using var after = ModelFolder.Load(folder["out"]);
        foreach (var ((name, first), (_, second)) in before.named_parameters().Zip(after.named_parameters()))
            TensorAssert.Close(first, second, within * first.abs().max().item<float>());
        foreach (var (block, restored) in before.Config.Main.Blocks.Zip(after.Config.Main.Blocks))
        {
            var (first, second) = (block.Attention, restored.Attention);
            Assert.Equal(first with { SoftCap = 0 }, second with { Dropout = first.Dropout, SoftCap = 0 }); // of which files say nothing
        }
    }

    [Theory]
    [InlineData("{'rope_type':'linear', 'factor':2.5}")]
    [InlineData("{'rope_type':'yarn', 'factor':4.0, 'original_max_position_embeddings':8}")]
    [InlineData("{'rope_type':'llama3', 'factor':8.0, 'low_freq_factor':1.0, 'high_freq_factor':4.0, "
        + "'original_max_position_embeddings':8192}")]
    public void Scaled_positions_are_what_they_were(string scaling)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var keys = JsonNode.Parse(scaling.Replace('\'', '"'))!;
        var path = Written(folder, "llama", GgufType.F32, ("rope_scaling", keys), ("rope_theta", 500000.0));
        GgufConversion.Read(path, folder["out"]);
        Same(folder, 0);
    }

    /// <summary>Truth: python3-gguf's dequantize of random blocks (gguf-py/gguf/quants.py).</summary>
    [Fact]
    public void Blocks_of_every_type_stand_for_the_references_numbers()
    {
        using var scope = NewDisposeScope();
        using var file = TensorFile.Open(Path.Combine(Fixtures.Root, "checkpoints", "gguf-blocks.safetensors"));
        var types = Enum.GetValues<GgufType>().Where(t => QuantizedBlocks.Size(t) > 1).ToList();
        Assert.Equal(10, types.Count);
        foreach (var type in types)
        {
            var (blocks, expected) = (file.Read($"{(uint)type}.blocks").data<byte>().ToArray(), file.Read($"{(uint)type}.numbers"));
            var numbers = new float[expected.numel()];
            QuantizedBlocks.Restore(type, blocks, numbers);
            Assert.Equal(expected.data<float>().ToArray(), numbers);
        }
    }

    [Fact]
    public void A_block_holds_each_number_to_half_a_step_of_its_largest()
    {
        var numbers = Enumerable.Range(0, 64).Select(i => MathF.Sin(i) * (i < 32 ? 3 : 0.01f)).ToArray();
        var (blocks, restored) = (new byte[2 * QuantizedBlocks.Bytes(GgufType.Q8)], new float[64]);
        QuantizedBlocks.Quantize(numbers, blocks);
        QuantizedBlocks.Restore(GgufType.Q8, blocks, restored);
        for (var i = 0; i < 64; i++) Assert.InRange(Math.Abs(numbers[i] - restored[i]), 0, (i < 32 ? 3 : 0.01f) / 127 * 0.51);
    }

    [Theory]
    [InlineData("bloom", "GGUF is not written for bloom")]
    [InlineData("mistral", "GGUF's llama cannot say all of this model: Attention.Window is 4, and would be read as 0")]
    [InlineData("gemma2", "Attention.Scale is 0.3333333333333333, and would be read as 0.353553390593273")]
    [InlineData("phi3", "Attention.Rotary.Scaling is ListedScaling, and would be read as none")]
    public void What_GGUF_has_no_place_for_is_refused_by_what_it_is(string family, string message)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using var model = ModelContractTests.Model(family);
        ModelFolder.Save(model, folder["in"]);
        var error = Assert.Throws<CheckpointException>(() => GgufConversion.Write(folder["in"], folder["x.gguf"], GgufType.F32));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(folder["x.gguf"]));
    }

    /// <summary>Truth: libllama 0.7.0, which refuses such files (or, of gemma2 without a cap of scores, computes another model).</summary>
    [Theory]
    [InlineData("qwen3", "{'attention_bias':true}", "Attention.OutputBias is True, and llama.cpp reads none")]
    [InlineData("gemma", "{'attention_bias':true}", "Attention.OutputBias is True, and llama.cpp reads none")]
    [InlineData("gemma", "{'tie_word_embeddings':false}", "Head is not tied, and llama.cpp's is")]
    [InlineData("gemma2", "{'tie_word_embeddings':false}", "Head is not tied, and llama.cpp's is")]
    [InlineData("gemma2", "{'attn_logit_softcapping':null}", "attn_logit_softcapping is none, which llama.cpp reads as 50")]
    [InlineData("qwen3", "{'rope_parameters':{'rope_type':'default', 'rope_theta':1e4, 'partial_rotary_factor':0.5}}",
        "and llama.cpp turns the whole head")]
    [InlineData("qwen2", "{'rope_parameters':{'rope_type':'llama3', 'rope_theta':1e4, 'factor':8.0, 'low_freq_factor':1.0, "
        + "'high_freq_factor':4.0, 'original_max_position_embeddings':8192}}",
        "Attention.Rotary.Scaling is BandScaling, which llama.cpp reads of llama")]
    public void What_llama_cpp_does_not_read_of_a_family_is_refused_by_what_it_is(string family, string changes, string message)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var keys = JsonNode.Parse(changes.Replace('\'', '"'))!.AsObject();
        var error = Assert.Throws<CheckpointException>(
            () => Written(folder, family, GgufType.F32, [.. keys.Select(k => (k.Key, k.Value?.DeepClone()!))]));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(folder["x.gguf"]));
    }

    /// <summary>Truth: llama.cpp's conversion of Phi-3, which writes the window under this key, and 0 where there is none.</summary>
    [Theory, InlineData(0u, 0), InlineData(7u, 7)]
    public void The_window_that_a_file_tells_is_read(uint told, int expected)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using (var file = new GgufFile(Written(folder, "phi3", GgufType.F32)))
            GgufWriter.Write(folder["y.gguf"], new Dictionary<string, object>(file.Metadata) { ["phi3.attention.sliding_window"] = told },
                [.. file.Tensors.Values.Select(t => (t, (Func<Tensor>)(() => file.Read(t.Name))))]);
        GgufConversion.Read(folder["y.gguf"], folder["out"]);
        var config = ModelConfig.Read(Path.Combine(folder["out"], "config.json"));
        Assert.All(config.Main.Blocks, block => Assert.Equal(expected, block.Attention.Window));
    }

    private static Tokenizer WithTokenizer(TemporaryFolder folder, string name)
    {
        var file = Path.Combine(Fixtures.Root, "tokenizers", name, "tokenizer.json");
        var tokenizer = Tokenizer.FromFile(file);
        Directory.CreateDirectory(folder["in"]);
        File.Copy(file, Path.Combine(folder["in"], "tokenizer.json"));
        Written(folder, "llama", GgufType.F32, ("vocab_size", tokenizer.VocabularySize + 3)); // more rows than tokens
        return tokenizer;
    }

    /// <summary>llama.cpp puts one before texts by the pattern where it is not told.</summary>
    [Theory, InlineData("llama3", true), InlineData("gpt2", false)]
    public void A_file_says_whether_a_token_stands_before_every_text(string name, bool expected)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        WithTokenizer(folder, name);
        using var file = new GgufFile(folder["x.gguf"]);
        Assert.Equal(expected, file.Metadata["tokenizer.ggml.add_bos_token"]);
        Assert.Equal(expected, file.Metadata.TryGetValue("tokenizer.ggml.bos_token_id", out var id) && id is 0u);
    }

    /// <summary>Of llama-pieces the file has pieces with scores, of the others merges with a pattern's name.</summary>
    [Theory, InlineData("llama-pieces"), InlineData("llama3"), InlineData("gpt2")]
    public void A_tokenizer_written_and_read_back_gives_the_same_ids(string name)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var before = WithTokenizer(folder, name);
        GgufConversion.Read(folder["x.gguf"], folder["out"]);
        var after = Tokenizer.FromPretrained(folder["out"]);
        foreach (var line in File.ReadLines(Path.Combine(Fixtures.Root, "tokenizers", name, "cases.jsonl")))
        {
            var text = (string)JsonNode.Parse(line)!["text"]!;
            var expected = before.Encode(text).Ids;
            Assert.Equal(expected, after.Encode(text).Ids);
            Assert.Equal(before.Decode(expected), after.Decode(expected));
        }
    }

    /// <summary>Its merges are not all that its pieces allow, as llama.cpp takes for granted.</summary>
    [Fact]
    public void A_tokenizer_whose_merges_scores_cannot_say_is_refused()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var error = Assert.Throws<CheckpointException>(() => WithTokenizer(folder, "llama2"));
        Assert.Contains("no merge makes 'ed\u2581' of 'ed' and '\u2581'", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Truth: llama.cpp's names, each of which is one pattern; what has another would be cut otherwise there.</summary>
    [Theory]
    [InlineData("{'type':'ByteLevel', 'add_prefix_space':false, 'use_regex':false}")]
    [InlineData("{'type':'Sequence', 'pretokenizers':[{'type':'Digits', 'individual_digits':true}, {'type':'ByteLevel', "
        + "'add_prefix_space':false, 'use_regex':true}]}")]
    [InlineData("{'type':'Sequence', 'pretokenizers':[{'type':'Split', 'pattern':{'Regex':'\\\\p{N}{1,3}|\\\\s+'}, 'behavior':'Isolated', "
        + "'invert':false}, {'type':'ByteLevel', 'add_prefix_space':false, 'use_regex':false}]}")]
    public void A_tokenizer_whose_pattern_has_no_name_is_refused(string preTokenizer)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(Fixtures.Root, "tokenizers", "gpt2", "tokenizer.json")))!;
        json["pre_tokenizer"] = JsonNode.Parse(preTokenizer.Replace('\'', '"'));
        folder.Write("in/tokenizer.json", json.ToJsonString());
        var rows = Fixtures.Tokenizer("gpt2").VocabularySize;
        var error = Assert.Throws<CheckpointException>(() => Written(folder, "llama", GgufType.F32, ("vocab_size", rows)));
        Assert.Contains("its pre_tokenizer is none that GGUF has a name for here: gpt-2, llama-bpe, qwen2", error.Message,
            StringComparison.Ordinal);
    }

    [Property(MaxTest = 200)]
    public void Any_change_of_bytes_reads_whole_or_is_refused_by_name(int position, byte value)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var about = new GgufTensor("a", GgufType.Q8, [2, 32], 0);
        var metadata = new Dictionary<string, object> { ["general.architecture"] = "gpt2", ["t"] = new[] { "x", "yz" } };
        GgufWriter.Write(folder["x"], metadata, [(about, () => ones(2, 32))]);
        var content = File.ReadAllBytes(folder["x"]);
        content[(uint)position * 2654435761u % content.Length] = value;
        File.WriteAllBytes(folder["x"], content);
        try
        {
            using var file = new GgufFile(folder["x"]);
            foreach (var name in file.Tensors.Keys) file.Read(name);
        }
        catch (CheckpointException error)
        {
            Assert.StartsWith(folder["x"], error.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>2^62 floats, whose bytes are 0 where their count is not checked.</summary>
    [Fact]
    public void A_shape_whose_bytes_cannot_be_counted_is_refused_by_name()
    {
        using var folder = new TemporaryFolder();
        using (var file = new BinaryWriter(File.Create(folder["x"])))
        {
            file.Write("GGUF"u8);
            file.Write(3u);
            file.Write(1L); // tensors
            file.Write(0L); // keys
            file.Write(1L);
            file.Write("a"u8);
            file.Write(1u); // dimensions
            file.Write(1L << 62);
            file.Write((uint)GgufType.F32);
            file.Write(new byte[64]); // offset, padding
        }
        var error = Assert.Throws<CheckpointException>(() => new GgufFile(folder["x"]));
        Assert.StartsWith(folder["x"], error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_cut_anywhere_is_refused_by_name()
    {
        using var folder = new TemporaryFolder();
        var whole = File.ReadAllBytes(Written(folder, "gpt2", GgufType.F32));
        for (var length = 0; length < whole.Length - 64; length += whole.Length / 61)
        {
            File.WriteAllBytes(folder["y"], whole[..length]);
            var error = Assert.Throws<CheckpointException>(() => new GgufFile(folder["y"]));
            Assert.StartsWith(folder["y"], error.Message, StringComparison.Ordinal);
        }
    }
}
