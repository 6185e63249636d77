using System.ComponentModel.DataAnnotations;
using TransformerTorch.Checkpoints.Adapters;
using TransformerTorch.Configuration;

namespace TransformerTorch.Training;

/// <summary>
/// The <c>lora:</c> section, in PEFT's names: low-rank updates are learned in place of the model's own weights, and <c>model/</c> becomes
/// an adapter in PEFT's format.
/// </summary>
public sealed record LoraConfig : IValidated
{
    /// <summary>The rank of an update.</summary>
    [Range(1, 65536)]
    [KnownAs("lora_r", "lora_rank", "rank")]
    public int R { get; init; } = 8;

    /// <summary>Updates count `lora_alpha / r`.</summary>
    [Range(0.0, 1e9, MinimumIsExclusive = true)]
    public double LoraAlpha { get; init; } = 16;

    /// <summary>Dropout on what updates read.</summary>
    [Range(0.0, 1, MaximumIsExclusive = true)]
    public double LoraDropout { get; init; }

    /// <summary>Whether updates count `lora_alpha / sqrt(r)` instead.</summary>
    [KnownAs("peft_use_rslora")]
    public bool UseRslora { get; init; }

    /// <summary>Projections to update, by their published names or the ends of these (`q_proj`, `layers.0.mlp.up_proj`);
    /// `all-linear` takes all but the head.</summary>
    [KnownAs("lora_target_modules", "lora_target_linear")]
    public IReadOnlyList<string> TargetModules { get; init; } = [LoraOptions.AllLinear];

    /// <summary>A regular expression for whole names, in place of `target_modules`.</summary>
    public string? TargetPattern { get; init; }

    /// <summary>Projections to leave alone all the same.</summary>
    public IReadOnlyList<string> ExcludeModules { get; init; } = [];

    /// <summary>Layers to update; none, all.</summary>
    [KnownAs("peft_layers_to_transform")]
    public IReadOnlyList<int> LayersToTransform { get; init; } = [];

    /// <summary>Modules to train and save whole. A head that is new is always among them.</summary>
    [KnownAs("lora_modules_to_save")]
    public IReadOnlyList<string> ModulesToSave { get; init; } = [];

    /// <inheritdoc/>
    public IEnumerable<(string Key, string Message)> Validate()
    {
        if (TargetModules.Count == 0 && TargetPattern is null) yield return ("target_modules", "name at least one, or `all-linear`");
        if (TargetModules.Count > 1 && TargetModules.Contains(LoraOptions.AllLinear))
            yield return ("target_modules", $"`{LoraOptions.AllLinear}` stands alone");
        if (TargetPattern is null) yield break;
        if (TargetModules is not [] and not [LoraOptions.AllLinear])
            yield return ("target_modules", "`target_pattern` stands in its place; remove one of the two");
        if (LayersToTransform.Count > 0)
            yield return ("layers_to_transform", "`target_pattern` names layers itself; remove one of the two");
    }

    /// <summary>The same in the adapter's terms.</summary>
    /// <param name="heads">modules that are new</param>
    internal LoraOptions Options(IEnumerable<string> heads) => new()
    {
        Rank = R, Alpha = LoraAlpha, Dropout = LoraDropout, RankStabilized = UseRslora, Targets = TargetModules,
        TargetPattern = TargetPattern, Excluded = ExcludeModules, Layers = LayersToTransform.Count == 0 ? null : LayersToTransform,
        ModulesToSave = [.. ModulesToSave.Union(heads)],
    };
}
