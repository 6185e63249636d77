using System.Text;
using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Cli;

/// <summary>What a model folder holds: read from its configuration and from the headers of its weights.</summary>
internal sealed record ModelReport(ModelConfig Config, IReadOnlyDictionary<string, long> Parts)
{
    // The first that a parameter's name contains says which part it belongs to.
    private static readonly (string In, string Part)[] s_parts =
    [
        ("_norm.", "norms"), (".norm.", "norms"), (".embeddings.", "embeddings"), ("shared.", "embeddings"),
        (".cross_attention.", "cross-attention"), (".attention.", "attention"), (".relative_bias.", "attention"),
        (".feed_forward.", "feed-forward"),
    ];

    /// <summary>The weights' files with their bytes; none where there are none.</summary>
    public IReadOnlyDictionary<string, long> Files { get; init; } = new Dictionary<string, long>();

    /// <summary>Numbers in the files by type.</summary>
    public IReadOnlyDictionary<string, long> Types { get; init; } = new Dictionary<string, long>();

    private long Parameters => Parts.Values.Sum();

    // Keys and values of all layers for one position, in elements.
    private long CachedPerToken => Config.Decoder?.Blocks.Sum(b => 2L * b.Attention.KeyValueHeads * b.Attention.HeadSize) ?? 0;

    /// <summary>Reads a folder; weights need not be there.</summary>
    public static ModelReport Of(string folder)
    {
        var file = Path.Combine(folder, "config.json");
        if (!File.Exists(file)) throw new CommandException($"{folder}: no config.json");
        var config = ModelConfig.Read(file);
        using var model = ModelFolder.Build(config, ScalarType.Float32, CPU);
        var parts = model.named_parameters().GroupBy(p => Part("." + p.name));
        var report = new ModelReport(config, parts.ToDictionary(g => g.Key, g => g.Sum(p => p.parameter.numel())));
        if (!WeightSource.IsIn(folder)) return report;
        using var source = WeightSource.Open(folder);
        return report with
        {
            Files = source.Files.ToDictionary(f => Path.GetFileName(f.Path), f => new FileInfo(f.Path).Length),
            Types = source.Names.Select(source.Entry).GroupBy(t => t.Type.Name).ToDictionary(g => g.Key, g => g.Sum(t => t.Count)),
        };
    }

    /// <summary>For people.</summary>
    public string ToText()
    {
        var text = new StringBuilder();
        var block = Config.Main.Blocks[0];
        Line("Family", $"{Config.ModelType}, {Config.Task}");
        foreach (var (name, stack) in Stacks()) Line(name, $"{stack.Blocks.Count} layers");
        Line("Width", $"{block.Attention.Width}, feed-forward {block.FeedForward.HiddenSize}");
        Line("Heads", $"{block.Attention.Heads} of {block.Attention.HeadSize}, {block.Attention.KeyValueHeads} for keys and values");
        Line("Vocabulary", $"{Config.VocabularySize}");
        Line("Context", Config.ContextLength == int.MaxValue ? "any" : $"{Config.ContextLength}");
        Line("Parameters", $"{Parameters:N0}");
        foreach (var (part, count) in Parts.OrderByDescending(p => p.Value))
            Line($"  {part}", $"{count:N0} ({100.0 * count / Parameters:0.0}%)");
        Line("Files", Files.Count == 0 ? "no weights" : $"{Files.Count}, {ModelArgument.Bytes(Files.Values.Sum())}");
        foreach (var (type, count) in Types) Line($"  {type}", $"{count:N0} numbers");
        Line("Memory to train", $"{ModelArgument.Bytes(Training)} and activations: weights, gradients, AdamW's moments in fp32");
        Line("Memory to serve", $"{ModelArgument.Bytes(4 * Parameters)} in fp32, {ModelArgument.Bytes(2 * Parameters)} in bf16");
        var (single, half) = (ModelArgument.Bytes(4 * CachedPerToken), ModelArgument.Bytes(2 * CachedPerToken));
        if (CachedPerToken > 0) Line("  and for each token", $"{single} in fp32, {half} in bf16");
        return text.ToString();

        void Line(string name, string value) => text.AppendLine($"{name,-20}{value}");
    }

    /// <summary>For programs.</summary>
    public string ToJson()
    {
        var block = Config.Main.Blocks[0];
        return new JsonObject
        {
            ["family"] = Config.ModelType,
            ["task"] = Config.Task.ToString(),
            ["layers"] = new JsonObject(Stacks().Select(s => Pair(s.Name.ToLowerInvariant(), s.Stack.Blocks.Count))),
            ["width"] = block.Attention.Width,
            ["feed_forward"] = block.FeedForward.HiddenSize,
            ["heads"] = block.Attention.Heads,
            ["key_value_heads"] = block.Attention.KeyValueHeads,
            ["head_size"] = block.Attention.HeadSize,
            ["vocabulary"] = Config.VocabularySize,
            ["context"] = Config.ContextLength == int.MaxValue ? null : Config.ContextLength,
            ["parameters"] = Parameters,
            ["parts"] = new JsonObject(Parts.Select(p => Pair(p.Key, p.Value))),
            ["files"] = new JsonObject(Files.Select(f => Pair(f.Key, f.Value))),
            ["types"] = new JsonObject(Types.Select(t => Pair(t.Key, t.Value))),
            ["bytes_to_train"] = Training,
            ["bytes_to_serve"] = new JsonObject { ["fp32"] = 4 * Parameters, ["bf16"] = 2 * Parameters },
            ["cache_bytes_per_token"] = new JsonObject { ["fp32"] = 4 * CachedPerToken, ["bf16"] = 2 * CachedPerToken },
        }.ToJsonString();
    }

    private long Training => 16 * Parameters;

    private IEnumerable<(string Name, StackOptions Stack)> Stacks()
    {
        if (Config.Encoder is { } encoder) yield return ("Encoder", encoder);
        if (Config.Decoder is { } decoder) yield return ("Decoder", decoder);
    }

    private static string Part(string name)
        => Array.Find(s_parts, p => name.Contains(p.In, StringComparison.Ordinal)).Part ?? "head";

    private static KeyValuePair<string, JsonNode?> Pair(string key, long value) => KeyValuePair.Create(key, (JsonNode?)value);
}
