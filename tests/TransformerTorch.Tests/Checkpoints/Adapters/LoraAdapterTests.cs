using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using TransformerTorch.Checkpoints.Adapters;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Tests.Support;
using TorchSharp;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Checkpoints.Adapters;

/// <summary>LoRA adapters. Truth: adapters that PEFT 0.20 made and ran on our fixtures (tests/fixtures/adapters/make.py).</summary>
public sealed class LoraAdapterTests
{
    public static TheoryData<string, string> Published => new()
    {
        { "llama", "llama" }, { "llama-all-linear", "llama" }, { "gpt2", "gpt2" }, { "gpt-neox", "gpt-neox" },
        { "bert-classification", "bert-sequence-classification" }, { "deberta-v2", "deberta-v2-masked-lm" }, { "t5", "t5" },
    };

    private static string Folder(string name) => Path.Combine(Fixtures.Root, "adapters", name);

    [Theory, MemberData(nameof(Published))]
    public void Adapter_that_PEFT_made_gives_its_numbers_beside_the_weights_and_merged(string adapter, string origin)
    {
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Load(Fixtures.Model(origin));
        var lora = LoraAdapter.Load(model, Folder(adapter));
        model.eval();
        using var io = TensorFile.Open(Path.Combine(Folder(adapter), "io.safetensors"));

        TensorAssert.Close(io.Read("logits"), Logits(model, io), 1e-4);
        lora.Merge();
        TensorAssert.Close(io.Read("merged_logits"), Logits(model, io), 1e-4);
        Assert.DoesNotContain(model.named_parameters(), p => p.name.Contains("lora", StringComparison.Ordinal));
    }

    [Theory, MemberData(nameof(Published))]
    public void Saved_adapter_has_the_names_and_numbers_that_PEFT_wrote(string adapter, string origin)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Load(Fixtures.Model(origin));
        LoraAdapter.Load(model, Folder(adapter)).Save(folder.Root, "somewhere/else");
        using var theirs = TensorFile.Open(Path.Combine(Folder(adapter), LoraAdapter.FileName));
        using var ours = TensorFile.Open(Path.Combine(folder.Root, LoraAdapter.FileName));

        Assert.Equal(theirs.Tensors.Keys.Order(), ours.Tensors.Keys.Order());
        Assert.All(theirs.Tensors.Keys, name => Assert.True(theirs.Read(name).equal(ours.Read(name)).all().item<bool>(), name));
        var (written, read) = (AdapterConfigFile.Read(folder.Root), AdapterConfigFile.Read(Folder(adapter)));
        Assert.Equal("somewhere/else", written.Base);
        Assert.Equal(read.TaskType, written.TaskType);
        Assert.Equal(
            (read.Options.Rank, read.Options.Alpha, read.Options.RankStabilized, read.Options.ScaleOf("model.layers.0.self_attn.k_proj")),
            (written.Options.Rank, written.Options.Alpha, written.Options.RankStabilized,
                written.Options.ScaleOf("model.layers.0.self_attn.k_proj")));
    }

    [Fact]
    public void Folder_of_an_adapter_loads_as_the_model_with_its_updates_and_converts_to_a_plain_one()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var adapter = folder["adapter"];
        using (var origin = ModelFolder.Load(Fixtures.Model("llama")))
            LoraAdapter.Load(origin, Folder("llama")).Save(adapter, Fixtures.Model("llama"));
        using var io = TensorFile.Open(Path.Combine(Folder("llama"), "io.safetensors"));

        using var loaded = ModelFolder.Load(adapter);
        WeightConversion.Run(adapter, folder["merged"], new ConversionOptions());

        using var merged = ModelFolder.Load(folder["merged"]);
        TensorAssert.Close(io.Read("merged_logits"), Logits(loaded, io), 1e-4);
        TensorAssert.Close(io.Read("merged_logits"), Logits(merged, io), 1e-4);
        Assert.False(AdapterFolder.IsOne(folder["merged"]));
    }

    [Fact]
    public void Merged_for_a_while_the_weights_come_back_to_within_rounding_and_the_updates_count_again()
    {
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Load(Fixtures.Model("llama"));
        var before = model.named_parameters().ToDictionary(p => p.name, p => p.parameter.detach().clone());
        var lora = LoraAdapter.Load(model, Folder("llama-all-linear"));
        model.eval();
        using var io = TensorFile.Open(Path.Combine(Folder("llama-all-linear"), "io.safetensors"));

        using (lora.Merged()) TensorAssert.Close(io.Read("logits"), Logits(model, io), 1e-4);

        TensorAssert.Close(io.Read("logits"), Logits(model, io), 1e-4);
        foreach (var (name, parameter) in model.named_parameters().Where(p => before.ContainsKey(p.name)))
            TensorAssert.Close(before[name], parameter, 1e-6);
    }

    [Fact]
    public void New_adapter_changes_nothing_and_alone_is_trained()
    {
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Load(Fixtures.Model("gpt2"));
        using var io = TensorFile.Open(Path.Combine(Folder("gpt2"), "io.safetensors"));
        var before = Logits(model, io);
        var lora = LoraAdapter.Add(model, new LoraOptions { Rank = 2, Targets = ["c_attn"] });

        Assert.True(before.equal(Logits(model, io)).all().item<bool>());
        Assert.Equal(2 * lora.Modules.Count(), model.parameters().Count(p => p.requires_grad));
        Logits(model, io).sum().backward();
        Assert.All(model.named_parameters(), p => Assert.Equal(
            p.name.Contains(".lora_", StringComparison.Ordinal), p.parameter.grad is not null));
    }

    [Fact]
    public void All_linear_leaves_the_head_alone_and_modules_to_save_are_trained_whole()
    {
        using var model = ModelFolder.Load(Fixtures.Model("bert-sequence-classification"));
        var lora = LoraAdapter.Add(model, new LoraOptions { ModulesToSave = ["classifier", "score"] });

        Assert.DoesNotContain("classifier", lora.Modules);
        Assert.Equal(["classifier.weight", "classifier.bias"], lora.Wholes);
    }

    [Fact]
    public void Target_that_the_model_has_not_is_named_with_those_it_has()
    {
        using var model = ModelFolder.Load(Fixtures.Model("gpt2"));

        var error = Assert.Throws<CheckpointException>(() => LoraAdapter.Add(model, new LoraOptions { Targets = ["q_proj"] }));

        Assert.Contains("q_proj", error.Message, StringComparison.Ordinal);
        Assert.Contains("c_attn", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("use_dora", "true")]
    [InlineData("bias", "\"all\"")]
    [InlineData("peft_type", "\"IA3\"")]
    [InlineData("trainable_token_indices", "[1]")]
    public void What_is_not_built_is_refused_by_its_key(string key, string value)
    {
        using var folder = new TemporaryFolder();
        var json = (JsonObject)JsonNode.Parse(File.ReadAllText(Path.Combine(Folder("llama"), AdapterConfigFile.FileName)))!;
        json[key] = JsonNode.Parse(value);
        File.WriteAllText(Path.Combine(folder.Root, AdapterConfigFile.FileName), json.ToJsonString());

        var error = Assert.Throws<CheckpointException>(() => AdapterConfigFile.Read(folder.Root));
        Assert.Contains(key, error.Message, StringComparison.Ordinal);
    }

    private static Tensor Logits(PretrainedModel model, TensorFile io) => model.call(new ModelInputs
    {
        Ids = io.Read("input_ids"), DecoderIds = io.Tensors.ContainsKey("decoder_input_ids") ? io.Read("decoder_input_ids") : null,
    })["logits"];
}
