using System.Text.Json.Nodes;
using TorchSharp;
using TransformerTorch.AI.Tests.Support;
using TransformerTorch.Checkpoints;

namespace TransformerTorch.AI.Tests;

/// <summary>By themselves: all tensors of the process are counted.</summary>
[CollectionDefinition(nameof(LoadingTests), DisableParallelization = true)]
public sealed class Alone;

/// <summary>What cannot be served is said so, and nothing of it stays in memory. Truth: torch's count of living tensors.</summary>
[Collection(nameof(LoadingTests))]
public sealed class LoadingTests
{
    [Fact]
    public async Task A_decoder_that_sees_what_follows_is_refused_and_leaves_nothing_behind()
    {
        using var folder = new SmallModel();
        var path = Path.Combine(folder.Root, "config.json");
        var config = JsonNode.Parse(await File.ReadAllTextAsync(path))!;
        config["is_causal"] = false;
        await File.WriteAllTextAsync(path, config.ToJsonString());
        var before = torch.Tensor.TotalCount;

        var error = await Assert.ThrowsAsync<CheckpointException>(() => ServedModel.LoadAsync(folder.Root));

        Assert.Equal($"{folder.Root} cannot be served: this llama sees what follows, to embed texts: it does not generate them; "
            + "with the modules.json of sentence-transformers beside it, it embeds", error.Message);
        Assert.Equal(before, torch.Tensor.TotalCount);
    }
}
