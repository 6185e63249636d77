using System.Text.Json.Nodes;
using TransformerTorch.Generation;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Verification;

/// <summary>Generated ids against the reference's, exactly: the prompt, what was generated, padding after an end.</summary>
internal static class GenerationCheck
{
    public static IEnumerable<Finding> Run(PretrainedModel model, ReferenceCase reference)
    {
        foreach (var (name, arguments) in reference.Generations ?? [])
            yield return reference.Has($"gen.{name}") ? Run(model, reference, name, arguments!.AsObject())
                : Finding.Missing(name, "no ids in the case");
    }

    private static Finding Run(PretrainedModel model, ReferenceCase reference, string name, JsonObject arguments)
    {
        if (model is not CausalLanguageModel causal) return Finding.Missing(name, "this model does not generate");
        using var scope = NewDisposeScope();
        var prompts = Rows(reference["gen.in.input_ids"], reference["gen.in.attention_mask"]);
        var width = (int)reference["gen.in.input_ids"].shape[1];
        var generated = new TokenGenerator(causal).Generate(prompts, GenerationOptions.FromJson(arguments));
        var expected = Rows(reference[$"gen.{name}"], mask: null);
        for (var row = 0; row < prompts.Length; row++)
        {
            var wanted = expected[row][width..];
            var rest = wanted.Skip(generated[row].Length).ToArray(); // padding after an end token
            var padding = model.Config.PaddingToken ?? 0;
            if (!wanted.SkipLast(rest.Length).SequenceEqual(generated[row]) || rest.Any(id => id != padding))
                return Finding.Missing(name, $"row {row} is {Words(generated[row])}, the reference has {Words(wanted)}");
        }
        return new Finding(name, 0, 0);
    }

    private static string Words(int[] ids) => string.Join(' ', ids);

    private static int[][] Rows(Tensor ids, Tensor? mask)
    {
        var rows = Enumerable.Range(0, (int)ids.shape[0]);
        return [.. rows.Select(r => Ints(ids[r]).Where((_, i) => mask is null || mask[r, i].item<long>() == 1).ToArray())];
        static int[] Ints(Tensor t) => [.. t.data<long>().ToArray().Select(v => (int)v)];
    }
}
