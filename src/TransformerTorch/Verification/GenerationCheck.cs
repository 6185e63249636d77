using System.Text.Json.Nodes;
using TransformerTorch.Generation;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Verification;

/// <summary>
/// Generated ids against the reference's, exactly: what the text begins with, what was generated, padding after an end. The options are
/// the model's own with a generation's arguments over them.
/// </summary>
internal static class GenerationCheck
{
    /// <summary>What the reference generates where nothing is said.</summary>
    private const int UsualNewTokens = 20;

    public static IEnumerable<Finding> Run(PretrainedModel model, ReferenceCase reference)
    {
        foreach (var (name, arguments) in reference.Generations ?? [])
            yield return reference.Has($"gen.{name}") ? Run(model, reference, name, arguments!.AsObject())
                : Finding.Missing(name, "no ids in the case");
    }

    private static Finding Run(PretrainedModel model, ReferenceCase reference, string name, JsonObject arguments)
    {
        if (model is not (CausalLanguageModel or SequenceToSequenceModel)) return Finding.Missing(name, "this model does not generate");
        if (GenerationOptions.Unknown(arguments).ToArray() is { Length: > 0 } unknown)
            return Finding.Missing(name, $"no such argument here: {string.Join(", ", unknown)}");
        using var scope = NewDisposeScope();
        var keys = (JsonObject)(model.Config.Generation ?? GenerationKeys.Of(model.Config.Published)).DeepClone();
        foreach (var (key, value) in arguments) keys[key] = value?.DeepClone();
        keys["do_sample"] = false;
        var options = GenerationOptions.FromJson(keys);
        if (options is { MaxNewTokens: null, MaxLength: null }) options = options with { MaxNewTokens = UsualNewTokens };
        options = options with { EndTokens = options.EndTokens ?? [] };
        var plan = GenerationPlan.For((LanguageModel)model, Prompts(reference), options);
        var generated = new TokenGenerator((LanguageModel)model).Generate(plan.Prompts, options);

        var (length, padding) = (plan.Width + generated.Max(g => g.Length), Padding(keys, options));
        var expected = reference[$"gen.{name}"];
        if (expected.shape is not [var rows, var columns] || rows != generated.Length || columns != length)
            return Finding.Missing(name, $"is ({generated.Length}, {length}), the reference has {Dims.Describe(expected.shape)}");
        var wanted = expected.data<long>().ToArray().Chunk(length).ToArray();
        var begin = plan.Texts();
        for (var row = 0; row < wanted.Length; row++)
        {
            int[] text = [.. begin[row / options.Returned * plan.Copies], .. generated[row]];
            var found = text.Concat(Enumerable.Repeat(padding, length - text.Length)).Select(id => (long)id).ToArray();
            if (!wanted[row].SequenceEqual(found))
                return Finding.Missing(name, $"row {row} is {Words(found)}, the reference has {Words(wanted[row])}");
        }
        return new Finding(name, 0, 0);
    }

    private static string Words(long[] ids) => string.Join(' ', ids);

    /// <summary>What fills a text up after its end. The reference's beam search takes a padding token of 0 for none.</summary>
    private static int Padding(JsonObject keys, GenerationOptions options)
    {
        var end = options.EndTokens is [var first, ..] ? first : -1;
        var padding = keys["pad_token_id"]?.GetValue<int>() ?? end;
        return options.Beams > 1 && padding == 0 ? end : padding;
    }

    private static PromptBatch Prompts(ReferenceCase reference)
    {
        var ids = reference["gen.in.input_ids"];
        var mask = reference.Has("gen.in.attention_mask") ? reference["gen.in.attention_mask"] : ones_like(ids);
        return PromptBatch.Padded(ids.data<long>().ToArray(), mask.data<long>().ToArray(), (int)ids.shape[1]);
    }
}
