using System.Text.RegularExpressions;

namespace TransformerTorch.Checkpoints.Adapters;

/// <summary>What a LoRA adapter updates and by how much, in PEFT's terms.</summary>
public sealed record LoraOptions
{
    /// <summary>A single target: every projection but the one onto the vocabulary and the head.</summary>
    public const string AllLinear = "all-linear";

    /// <summary>r, the rank of an update.</summary>
    public int Rank { get; init; } = 8;

    /// <summary>An update counts alpha / r.</summary>
    public double Alpha { get; init; } = 8;

    /// <summary>Dropout on what updates read, in training.</summary>
    public double Dropout { get; init; }

    /// <summary>Whether an update counts alpha / sqrt(r) instead (Kalajdzievski, 2023).</summary>
    public bool RankStabilized { get; init; }

    /// <summary>Published names of modules, whole or their last parts ("q_proj"); or <see cref="AllLinear"/>.</summary>
    public IReadOnlyList<string> Targets { get; init; } = [AllLinear];

    /// <summary>A regular expression for whole names of modules, in place of <see cref="Targets"/>; null: none.</summary>
    public string? TargetPattern { get; init; }

    /// <summary>Names as those of <see cref="Targets"/>, of modules that are left alone all the same.</summary>
    public IReadOnlyList<string> Excluded { get; init; } = [];

    /// <summary>Layers that are updated; null: all.</summary>
    public IReadOnlyList<int>? Layers { get; init; }

    /// <summary>Modules that are trained and saved whole: a new head, say.</summary>
    public IReadOnlyList<string> ModulesToSave { get; init; } = [];

    /// <summary>Ranks of modules that have another one, by regular expressions for the ends of their names.</summary>
    public IReadOnlyDictionary<string, int> RankPattern { get; init; } = new Dictionary<string, int>();

    /// <summary>Alphas, likewise.</summary>
    public IReadOnlyDictionary<string, double> AlphaPattern { get; init; } = new Dictionary<string, double>();

    /// <summary>The rank of a module's update.</summary>
    public int RankOf(string module) => Of(RankPattern, module, Rank);

    /// <summary>What a module's update counts.</summary>
    public double ScaleOf(string module)
    {
        var rank = RankOf(module);
        return Of(AlphaPattern, module, Alpha) / (RankStabilized ? Math.Sqrt(rank) : rank);
    }

    /// <summary>Whether a module is named to be trained whole.</summary>
    public bool IsSaved(string module) => ModulesToSave.Any(m => IsPart(module, m));

    /// <summary>Whether a module or tensor is the one so named, or part of it.</summary>
    internal static bool IsPart(string module, string name) => Regex.IsMatch(module, $@"(^|\.){Regex.Escape(name)}($|\.)");

    /// <summary>Whether a projection is updated.</summary>
    /// <param name="module">its published name</param>
    /// <param name="isHead">whether it gives the model's scores</param>
    public bool IsTarget(string module, bool isHead)
    {
        if (IsSaved(module) || Excluded.Any(e => Ends(module, e))) return false;
        if (TargetPattern is { } pattern) return Regex.IsMatch(module, $"^(?:{pattern})$");
        if (Targets is [AllLinear]) return !isHead && IsInLayer(module);
        return Targets.Any(t => Ends(module, t)) && IsInLayer(module);
    }

    private bool IsInLayer(string module) => Layers is null
        || (Regex.Match(module, @"^.*?\.[^.]*\.(\d+)\.") is { Success: true } match && Layers.Contains(int.Parse(match.Groups[1].Value)));

    private static bool Ends(string module, string name) => module == name || module.EndsWith($".{name}", StringComparison.Ordinal);

    private static T Of<T>(IReadOnlyDictionary<string, T> patterns, string module, T otherwise)
    {
        foreach (var (pattern, value) in patterns)
            if (Regex.IsMatch(module, $@"^(.*\.)?({pattern})$")) return value;
        return otherwise;
    }
}
