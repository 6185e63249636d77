using System.Text.Json.Nodes;

namespace TransformerTorch.Pipelines;

/// <summary>What a published configuration says of one thing that the model was taught (<c>task_specific_params</c>).</summary>
/// <param name="Keys">keys of generation, which go over the model's own</param>
/// <param name="Prefix">what stood before its texts</param>
internal sealed record PublishedTask(JsonObject Keys, string Prefix)
{
    /// <summary>The task of a name, as <c>translation_en_to_de</c> is one of <c>translation</c>; null: there is none.</summary>
    /// <param name="config">the published keys</param>
    /// <param name="name">the name, or what it begins with</param>
    /// <param name="prefix">tells several tasks apart; null: there must be one alone</param>
    public static PublishedTask? Find(JsonObject config, string name, string? prefix)
    {
        if (config["task_specific_params"] is not JsonObject all) return null;
        PublishedTask[] tasks = [.. all.Where(t => t.Key == name || t.Key.StartsWith($"{name}_", StringComparison.Ordinal))
            .Select(t => t.Value).OfType<JsonObject>().Select(keys => new PublishedTask(keys, $"{keys["prefix"]}"))];
        return prefix is null ? tasks is [var only] ? only : null : tasks.FirstOrDefault(t => t.Prefix == prefix);
    }
}
