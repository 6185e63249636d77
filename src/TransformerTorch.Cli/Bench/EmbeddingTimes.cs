using Microsoft.Extensions.AI;
using TorchSharp;
using TransformerTorch.AI;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Cli.Bench;

/// <summary>Texts embedded through the service's interface, against the model by itself and against one text at a time.</summary>
internal static class EmbeddingTimes
{
    private const int Many = 1000, Short = 12;

    public static IEnumerable<BenchResult> Run(string name, BenchRun run)
    {
        var work = Workloads.Encoder;
        using var folder = new ServedFolder(work);
        var source = new ModelSource(folder.LoadAsync(run).GetAwaiter().GetResult());
        using var generator = new TransformerEmbeddingGenerator(source);
        var (model, tokenizer) = (source.Ready!.Embedder!.Model, source.Ready.Tokenizer);

        string[] texts = [.. Enumerable.Range(0, work.Batch).Select(_ => folder.Text(work.Length))];
        var ids = tensor([.. texts.SelectMany(t => tokenizer.EncodeToIds(t).Select(id => (long)id))], [work.Batch, work.Length]);
        var whole = run.BestOfEach(() => { }, () => Embed(texts), () =>
        {
            using var scope = NewDisposeScope();
            using var none = inference_mode();
            model.Backbone.Hidden(new ModelInputs { Ids = ids });
        });
        yield return BenchResult.Ratio($"{name} {work.Batch} of {work.Length} tokens", run, whole[0], whole[1]);

        string[] many = [.. Enumerable.Range(0, Many).Select(_ => folder.Text(Random.Shared.Next(4, 2 * Short - 3)))];
        var seconds = (run with { Unmeasured = 1 })
            .BestOfEach(() => { }, () => Array.ForEach(many, text => Embed([text])), () => Embed(many));
        yield return BenchResult.Ratio($"{name} {Many} of about {Short}", run, seconds[0], seconds[1]);
        source.DisposeAsync().AsTask().GetAwaiter().GetResult();

        void Embed(string[] texts) => generator.GenerateAsync(texts).GetAwaiter().GetResult();
    }
}
