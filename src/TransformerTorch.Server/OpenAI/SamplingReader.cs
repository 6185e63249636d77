using System.Globalization;
using System.Text.Json;
using TransformerTorch.AI;
using TransformerTorch.Generation;

namespace TransformerTorch.Server.OpenAI;

/// <summary>How a request wants its text generated: what it says, else what the model's folder says.</summary>
internal static class SamplingReader
{
    public static GenerationOptions Read(RequestBody body, ServedModel model)
    {
        var own = model.Defaults;
        var (topP, topK, minP) = (body.Number("top_p", 0, 1), body.Whole("top_k", 0), body.Number("min_p", 0, 1));
        var draws = (topP ?? topK ?? minP) is not null;
        var stops = body.Texts("stop");
        if (stops.Count > 16) throw RequestBody.Wrong("stop", "at most 16 texts");
        if (stops.Contains("")) throw RequestBody.Wrong("stop", "texts that are not empty");
        return own with
        {
            Temperature = body.Number("temperature", 0, 2) ?? (draws && own.Temperature == 0 ? 1 : own.Temperature),
            TopP = topP is 0 ? 1e-9 : topP ?? own.TopP, TopK = topK ?? own.TopK, MinP = minP ?? own.MinP,
            RepetitionPenalty = body.Number("repetition_penalty", 0.01, 100) ?? own.RepetitionPenalty,
            FrequencyPenalty = body.Number("frequency_penalty", -2, 2) ?? 0,
            PresencePenalty = body.Number("presence_penalty", -2, 2) ?? 0,
            Seed = body.Long("seed") ?? own.Seed, StopTexts = stops, SequenceBias = [.. own.SequenceBias, .. Biases(body, model)],
            MaxNewTokens = body.Whole("max_completion_tokens", 1) ?? body.Whole("max_tokens", 1) ?? own.MaxNewTokens,
            EndTokens = body.Flag("ignore_eos") ? [] : own.EndTokens,
        };
    }

    private static IEnumerable<(IReadOnlyList<int>, double)> Biases(RequestBody body, ServedModel model)
    {
        if (body.Element("logit_bias") is not { } biases) yield break;
        if (biases.ValueKind != JsonValueKind.Object || biases.EnumerateObject().Count() > 1024)
            throw RequestBody.Wrong("logit_bias", "at most 1024 ids with a bias each");
        foreach (var bias in biases.EnumerateObject())
        {
            if (!int.TryParse(bias.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var id) || id >= model.VocabularySize
                || bias.Value.ValueKind != JsonValueKind.Number || Math.Abs(bias.Value.GetDouble()) > 100)
                throw RequestBody.Wrong("logit_bias", "ids of the vocabulary with biases from -100 to 100");
            yield return ([id], bias.Value.GetDouble());
        }
    }
}
