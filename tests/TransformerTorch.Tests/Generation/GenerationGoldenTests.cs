using TransformerTorch.Checkpoints;
using TransformerTorch.Generation;
using TransformerTorch.Layers;
using TransformerTorch.Tests.Models;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Generation;

/// <summary>Generated ids against those of Hugging Face Transformers' generate().</summary>
public class GenerationGoldenTests
{
    [SkippableTheory, MemberData(nameof(GoldenTests.Cases), MemberType = typeof(GoldenTests))]
    public void Greedy_and_beam_search_give_the_references_ids(string name, AttentionKernelKind kernel, bool bridge)
    {
        using var way = new Way(kernel, bridge);
        using var scope = NewDisposeScope();
        using var golden = new Golden(name);
        using var model = ModelFolder.Load(Fixtures.Model(name));
        var prompts = Rows(golden["gen.in.input_ids"], golden["gen.in.attention_mask"]);

        foreach (var (kind, arguments) in golden.Generate.AsObject())
        {
            var expected = Rows(golden[$"gen.{kind}"], mask: null);
            var options = GenerationOptions.FromJson(arguments!.AsObject());
            var generated = new TokenGenerator(model).Generate(prompts, options);

            for (var row = 0; row < prompts.Length; row++)
            {
                var all = prompts[row].Concat(generated[row]).ToArray();
                var padding = expected[row].Length - golden["gen.in.input_ids"].shape[1] - generated[row].Length; // after an end token
                Assert.Equal(expected[row][^(all.Length + (int)padding)..^(int)padding], all);
                Assert.All(expected[row][^(int)padding..], id => Assert.Equal(0, id));
            }
        }
    }

    private static int[][] Rows(Tensor ids, Tensor? mask)
    {
        var rows = Enumerable.Range(0, (int)ids.shape[0]);
        return [.. rows.Select(r => Ints(ids[r]).Where((_, i) => mask is null || mask[r, i].item<long>() == 1).ToArray())];
        static int[] Ints(Tensor t) => [.. t.data<long>().ToArray().Select(v => (int)v)];
    }
}
