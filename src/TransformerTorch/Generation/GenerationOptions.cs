using System.Text.Json;
using System.Text.Json.Nodes;
using TransformerTorch.Models;

namespace TransformerTorch.Generation;

/// <summary>How to continue a text. Names and meanings are those of a published <c>generation_config.json</c>.</summary>
public sealed record GenerationOptions
{
    /// <summary>At most so many tokens.</summary>
    public int MaxNewTokens { get; init; } = 128;

    /// <summary>Divides the logits; 0 takes the likeliest token always.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Only the likeliest so many; 0: all.</summary>
    public int TopK { get; init; }

    /// <summary>Only the fewest likeliest that together have this probability; 1: all.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Only those with at least this share of the likeliest's probability; 0: all.</summary>
    public double MinP { get; init; }

    /// <summary>Makes tokens that stand in the text already less likely where over 1 (Keskar et al., 2019).</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Tokens that end the text; null: those of the model's configuration.</summary>
    public IReadOnlyList<int>? EndTokens { get; init; }

    /// <summary>Texts that end the text and do not belong to it; <see cref="TextGenerator"/> looks for them.</summary>
    public IReadOnlyList<string> StopTexts { get; init; } = [];

    /// <summary>Draws the same tokens every time; null: from torch's default generator.</summary>
    public long? Seed { get; init; }

    /// <summary>Over 1: beam search over so many, which draws nothing.</summary>
    public int Beams { get; init; } = 1;

    /// <summary>Beams are ranked by log probability over length to this power.</summary>
    public double LengthPenalty { get; init; } = 1;

    /// <summary>Whether beam search ends as soon as it holds as many finished texts as beams.</summary>
    public bool EarlyStopping { get; init; }

    /// <summary>
    /// Reads a model folder's <c>generation_config.json</c>, or such keys of its <c>config.json</c>; the defaults where there are none.
    /// Unknown keys are not ours.
    /// </summary>
    /// <exception cref="ArgumentException">The file is damaged or its values contradict each other.</exception>
    public static GenerationOptions Read(string folder)
    {
        var path = Path.Combine(folder, GenerationKeys.FileName);
        try
        {
            return GenerationKeys.Read(folder) is { Count: > 0 } keys ? FromJson(keys).Validated() : new GenerationOptions();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or NullReferenceException)
        {
            throw new ArgumentException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>These options, if they can be followed.</summary>
    /// <exception cref="ArgumentException">A value is out of its range or contradicts another.</exception>
    public GenerationOptions Validated()
    {
        Require(MaxNewTokens >= 0, $"max_new_tokens is {MaxNewTokens}, expected 0 or more");
        Require(Temperature >= 0 && double.IsFinite(Temperature), $"temperature is {Temperature}, expected 0 or more");
        Require(TopK >= 0, $"top_k is {TopK}, expected 0 (all) or more");
        Require(TopP is > 0 and <= 1, $"top_p is {TopP}, expected over 0 and at most 1");
        Require(MinP is >= 0 and <= 1, $"min_p is {MinP}, expected 0 to 1");
        Require(RepetitionPenalty > 0, $"repetition_penalty is {RepetitionPenalty}, expected over 0");
        Require(!StopTexts.Contains(""), "a stop text is empty");
        Require(Beams >= 1, $"num_beams is {Beams}, expected 1 or more");
        return this;
    }

    /// <summary>Reads the published keys.</summary>
    public static GenerationOptions FromJson(JsonObject keys)
    {
        var sample = keys["do_sample"]?.GetValue<bool>() ?? false;
        var defaults = new GenerationOptions();
        return new GenerationOptions
        {
            MaxNewTokens = keys["max_new_tokens"]?.GetValue<int>() ?? defaults.MaxNewTokens,
            Temperature = sample ? Number("temperature", 1) : 0,
            TopK = sample ? keys["top_k"]?.GetValue<int>() ?? 50 : 0,
            TopP = sample ? Number("top_p", 1) : 1,
            MinP = sample ? Number("min_p", 0) : 0,
            RepetitionPenalty = Number("repetition_penalty", 1),
            EndTokens = keys["eos_token_id"] switch
            {
                null => null,
                JsonArray several => [.. several.Select(n => n!.GetValue<int>())],
                var one => [one.GetValue<int>()],
            },
            Beams = keys["num_beams"]?.GetValue<int>() ?? 1,
            LengthPenalty = Number("length_penalty", 1),
            EarlyStopping = keys["early_stopping"] is { } stop && stop.GetValueKind() == JsonValueKind.True,
        };

        double Number(string key, double otherwise) => keys[key]?.GetValue<double>() ?? otherwise;
    }

    private static void Require(bool condition, string message)
    {
        if (!condition) throw new ArgumentException(message);
    }
}
