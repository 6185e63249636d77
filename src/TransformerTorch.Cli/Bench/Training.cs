using System.Text.Json.Nodes;
using TorchSharp;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Training;
using static TorchSharp.torch;

namespace TransformerTorch.Cli.Bench;

/// <summary>A GPT-2 and the batch it is trained on.</summary>
internal sealed record Gpt2Sizes(int Layers, int Width, int Heads, int Vocabulary, int Batch, int Length)
{
    public ModelConfig Model => ModelConfig.FromKeys(new JsonObject
    {
        ["model_type"] = "gpt2", ["n_layer"] = Layers, ["n_embd"] = Width, ["n_head"] = Heads,
        ["vocab_size"] = Vocabulary, ["n_positions"] = 1024,
        ["resid_pdrop"] = 0.0, ["embd_pdrop"] = 0.0, ["attn_pdrop"] = 0.0,
    }, "the benchmark");
}

/// <summary>Whole training steps: forward, backward, clipping to 1.0, AdamW, on random ids.</summary>
internal static class Training
{
    public static BenchResult Run(string name, Gpt2Sizes sizes, BenchRun run)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(0);
        var model = new CausalLanguageModel(sizes.Model).Initialize();
        model.to(run.Device);
        model.train();
        using var optimizer = new AdamW(ParameterGroups.Of(model, weightDecay: 0.01), new AdamWOptions());
        var ids = randint(5, sizes.Vocabulary, [sizes.Batch, sizes.Length], device: run.Device);
        var targets = sizes.Batch * (sizes.Length - 1L);

        var seconds = run.Best(() =>
        {
            using var step = NewDisposeScope();
            Tensor loss;
            using (Autocast.Enter(run.Precision, run.Device)) loss = model.LossSum(ids, ids);
            (loss / targets).backward();
            optimizer.Update(1e-4, (1 / (optimizer.GradientNorm() + 1e-6f)).clamp_max(1));
        });
        var parameters = model.parameters().Sum(p => p.numel());
        var tokens = sizes.Batch * sizes.Length / seconds;
        return new BenchResult(name, run, tokens, "tokens/s")
        {
            Facts = new JsonObject
            {
                ["seconds_per_step"] = seconds, ["parameters"] = parameters, ["flops_per_s"] = 6 * parameters * tokens,
            },
        };
    }
}
