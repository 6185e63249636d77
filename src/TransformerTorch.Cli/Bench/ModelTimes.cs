using System.Text.Json.Nodes;
using TorchSharp;
using TransformerTorch.Data;
using TransformerTorch.Generation;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Training;
using TransformerTorch.Training.Objectives;
using TransformerTorch.Training.Optimization;
using static TorchSharp.torch;
using Linear = TransformerTorch.Layers.Linear;

namespace TransformerTorch.Cli.Bench;

/// <summary>Models at work, on random ids.</summary>
internal static class ModelTimes
{
    public static BenchResult Run(string name, ModelWorkload defined, BenchRun run)
    {
        var work = defined with { Batch = run.Batch ?? defined.Batch, Length = run.Length ?? defined.Length };
        using var scope = NewDisposeScope();
        random.manual_seed(0);
        using var model = PretrainedModel.Create(work.Model);
        model.InitializeWeights();
        model.to(run.Device);
        var parameters = model.parameters().Sum(p => p.numel());
        var ids = randint(5, work.Vocabulary, [work.Batch, work.Length], device: run.Device);
        var (value, unit, seconds) = work.Kind == WorkloadKind.Train ? Train(model, ids, work, run) : Infer(model, ids, work, run);
        var facts = new JsonObject { ["seconds_per_step"] = seconds, ["parameters"] = parameters };
        if (work.Kind == WorkloadKind.Train) facts["flops_per_s"] = 6 * parameters * value;
        if (ShareOfRoof(model, work, run, value) is { } share) facts["share_of_roof"] = Math.Round(share, 3);
        if (ProcessMemory.PeakBytes is { } peak) facts["peak_memory_mb"] = peak >> 20;
        return new BenchResult(name, run, value, unit) { Facts = facts };
    }

    /// <summary>
    /// Of what the device reaches in a bare product (training, counted as the trainer's MFU, and encoding), or in reading memory
    /// (decoding, whose every step reads the weights).
    /// </summary>
    private static double? ShareOfRoof(PretrainedModel model, ModelWorkload work, BenchRun run, double value)
    {
        if (work.Kind == WorkloadKind.Decode)
            return value / work.Batch * BytesOfProducts(model) / Roofs.Bytes(run);
        if (work.Kind == WorkloadKind.Prefill || work.Target > 0) return null;   // by length they differ
        var (token, target) = Throughput.Flops(model, work.Length);
        return value * (work.Kind == WorkloadKind.Train ? token + target : token / 3 * work.Length)
            / Throughput.Peak(run.Device, run.Precision);
    }

    /// <summary>Of the weights that a step multiplies with, as they are stored.</summary>
    private static long BytesOfProducts(PretrainedModel model)
        => model.modules().OfType<Linear>().Sum(l => l.WeightBytes) + model.modules().OfType<Head>().Sum(h => h.WeightBytes);

    /// <summary>Forward, backward, clipping to 1.0, AdamW, as the trainer does them.</summary>
    private static (double, string, double) Train(PretrainedModel model, Tensor ids, ModelWorkload work, BenchRun run)
    {
        if (run.Quantization is not null) throw new ArgumentException($"{run.Dtype} is for inference: weights of few bits are not trained");
        model.train();
        using var optimizer = new Optimizer(new ParameterRules { WeightDecay = 0.01 }.Groups(model), new AdamW());
        var passes = new Passes(new ModelObjective(model), run.Precision, run.Device);
        using var recorded = passes.RecordSteps(Console.Error.WriteLine);
        var labels = work.Target > 0 ? randint(5, work.Vocabulary, [work.Batch, work.Target]) : ids;
        var columns = new Dictionary<string, Column> { [Batch.Names.InputIds] = OnHost(ids), [Batch.Names.Labels] = OnHost(labels) };
        var batch = new Batch(columns) { TargetCount = labels.numel(), TokenCount = ids.numel() };
        var seconds = run.Best(() =>
        {
            using var step = NewDisposeScope();
            passes.Run([batch], scale: 1);
            optimizer.Update(1e-4, (1 / (optimizer.GradientNorm() + 1e-6f)).clamp_max(1));
        });
        return (work.Batch * (work.Length + work.Target) / seconds, "tokens/s", seconds);
    }

    private static Column OnHost(Tensor ids) => Column.Of(ids.cpu().data<long>().ToArray(), ids.shape);

    /// <summary>With weights of the run's type.</summary>
    private static (double, string, double) Infer(PretrainedModel model, Tensor ids, ModelWorkload work, BenchRun run)
    {
        if (run.Precision == Precision.Bf16) model.to(ScalarType.BFloat16);
        if (run.Quantization is { } bits) model.Quantize(bits);
        model.eval();
        if (work.Kind == WorkloadKind.Decode) return Decode((LanguageModel)model, ids, work, run);
        var seconds = run.Best(() =>
        {
            using var each = NewDisposeScope();
            using var none = inference_mode();
            model.call(new ModelInputs { Ids = ids });
        });
        return work.Kind == WorkloadKind.Embed
            ? (work.Batch / seconds, "sequences/s", seconds)
            : (work.Batch * work.Length / seconds, "tokens/s", seconds);
    }

    /// <summary>What each token after the first costs, all rows together.</summary>
    private static (double, string, double) Decode(LanguageModel model, Tensor ids, ModelWorkload work, BenchRun run)
    {
        var rows = ids.cpu().data<long>().Select(id => (int)id).Chunk(work.Length).ToArray();
        var generator = new TokenGenerator(model);
        double Seconds(int count) => run.Best(() => generator.Generate(rows, new GenerationOptions
        {
            Temperature = 0, MaxNewTokens = count, MinNewTokens = count,
        }));
        var one = Seconds(1);
        var each = (Seconds(1 + work.New) - one) / work.New;
        return (work.Batch / each, "tokens/s", each);
    }
}
