using FsCheck.Xunit;
using TransformerTorch.Checkpoints;
using TransformerTorch.Checkpoints.Gguf;
using TransformerTorch.Models;
using TransformerTorch.Tests.Models;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Checkpoints;

/// <summary>GGUF files of ours, against the models that were written.</summary>
public class GgufTests
{
    private static string Written(TemporaryFolder folder, string family, GgufType type)
    {
        using var model = ModelContractTests.Model(family, ("rope_scaling", null!), ("activation_function", "gelu_new"),
            ("scale_attn_by_inverse_layer_idx", false), ("attention_bias", false), ("mlp_bias", false), ("n_embd", 64), ("n_head", 4),
            ("hidden_size", 64));
        ModelFolder.Save(model, folder["in"]);
        GgufConversion.Write(folder["in"], folder["x.gguf"], type);
        return folder["x.gguf"];
    }

    [Theory]
    [InlineData("gpt2", GgufType.F32, 0)]
    [InlineData("llama", GgufType.F32, 0)]
    [InlineData("gpt2", GgufType.F16, 5e-4)]
    [InlineData("llama", GgufType.Q8, (0.5 / 127) + (1.0 / 2048))] // half a unit, and the unit's own rounding to float16
    public void A_model_written_and_read_back_is_what_it_was(string family, GgufType type, double within)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        GgufConversion.Read(Written(folder, family, type), folder["out"]);
        using var before = ModelFolder.Load(folder["in"]);
        using var after = ModelFolder.Load(folder["out"]);
        foreach (var ((name, first), (_, second)) in before.named_parameters().Zip(after.named_parameters()))
            TensorAssert.Close(first, second, within * first.abs().max().item<float>());
        var (attention, restored) = (before.Config.Main.Blocks[0].Attention, after.Config.Main.Blocks[0].Attention);
        Assert.Equal(attention, restored with { Dropout = attention.Dropout }); // of which files for inference say nothing
    }

    [Fact]
    public void A_block_holds_each_number_to_half_a_step_of_its_largest()
    {
        var numbers = Enumerable.Range(0, 64).Select(i => MathF.Sin(i) * (i < 32 ? 3 : 0.01f)).ToArray();
        var (blocks, restored) = (new byte[2 * QuantizedBlocks.Bytes], new float[64]);
        QuantizedBlocks.Quantize(numbers, blocks);
        QuantizedBlocks.Restore(blocks, restored);
        for (var i = 0; i < 64; i++) Assert.InRange(Math.Abs(numbers[i] - restored[i]), 0, (i < 32 ? 3 : 0.01f) / 127 * 0.51);
    }

    [Fact]
    public void What_GGUF_has_no_place_for_is_refused_by_its_key()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        foreach (var (family, message) in new[] { ("llama", "scaled by linear"), ("qwen3", "GGUF is not written for qwen3") })
        {
            using var model = ModelContractTests.Model(family);
            ModelFolder.Save(model, folder[family]);
            var error = Assert.Throws<CheckpointException>(() => GgufConversion.Write(folder[family], folder["x.gguf"], GgufType.F32));
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
            Assert.False(File.Exists(folder["x.gguf"]));
        }
    }

    /// <summary>llama.cpp puts one before texts by the pattern where it is not told.</summary>
    [Theory, InlineData("llama3", true), InlineData("gpt2", false)]
    public void A_file_says_whether_a_token_stands_before_every_text(string tokenizer, bool expected)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        Written(folder, "llama", GgufType.F32);
        File.Copy(Path.Combine(Fixtures.Root, "tokenizers", tokenizer, "tokenizer.json"), Path.Combine(folder["in"], "tokenizer.json"));
        GgufConversion.Write(folder["in"], folder["y.gguf"], GgufType.F32);
        using var file = new GgufFile(folder["y.gguf"]);
        Assert.Equal(expected, file.Metadata["tokenizer.ggml.add_bos_token"]);
        Assert.Equal(expected, file.Metadata.TryGetValue("tokenizer.ggml.bos_token_id", out var id) && id is 0u);
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
