using System.Text.Json.Nodes;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>What became of a published model's weights when another model began from it.</summary>
/// <param name="New">weights that it has not, or of another shape, and that therefore are drawn: those of a new head</param>
/// <param name="Unused">weights that it has and the model does not</param>
/// <param name="AddedTokens">rows that the token table, and what scores tokens, has beyond its own</param>
public sealed record StartReport(IReadOnlyList<string> New, IReadOnlyList<string> Unused, long AddedTokens);

/// <summary>
/// A model whose weights begin as those of a published one: the backbone whole, the head where it fits. Rows of new tokens begin as the
/// mean of those that are there (Hewitt, 2021), as near as to tell them apart.
/// </summary>
public static class PretrainedStart
{
    private const double Spread = 1e-9; // of the new rows' covariance, of the old ones': as the reference has it

    /// <summary>The configuration of a model that begins from a published one.</summary>
    /// <param name="folder">the published model</param>
    /// <param name="changes">keys that take the place of its own; null: none</param>
    /// <param name="task">what the model is for; null: as published</param>
    /// <exception cref="ModelConfigException">The result is contradictory.</exception>
    public static ModelConfig Configure(string folder, JsonObject? changes, ModelTask? task)
    {
        var path = Path.Combine(folder, "config.json");
        return ModelConfig.FromKeys(Keys(folder, changes, task), path) with { Generation = ModelConfig.Read(path).Generation };
    }

    /// <summary>As <see cref="Configure"/>, in the published keys.</summary>
    public static JsonObject Keys(string folder, JsonObject? changes, ModelTask? task)
    {
        var published = ModelConfig.Read(Path.Combine(folder, "config.json"));
        var keys = (JsonObject)published.Published.DeepClone();
        if (changes is not null && changes.ContainsKey("num_labels")) Drop("id2label", "label2id");
        if (changes is not null && changes.ContainsKey("id2label")) Drop("num_labels", "label2id");
        foreach (var (key, value) in changes ?? []) keys[key] = value?.DeepClone();
        if (task is { } wanted && wanted != published.Task)
            keys["architectures"] = new JsonArray(ModelCatalog.Family(published.ModelType).ClassName(wanted));
        return keys;

        void Drop(params string[] names)
        {
            foreach (var name in names) keys.Remove(name);
        }
    }

    /// <summary>Builds the model and loads what it takes over; the rest is drawn from torch's default generator.</summary>
    /// <param name="config">the model (see <see cref="Configure"/>)</param>
    /// <param name="folder">the published one</param>
    /// <param name="options">type, device</param>
    /// <exception cref="CheckpointException">The weights are damaged, or the backbone is another one.</exception>
    public static (PretrainedModel Model, StartReport Report) Load(ModelConfig config, string folder, LoadOptions options)
    {
        var type = options.Type;
        if (type is null)
        {
            using var source = WeightSource.Open(folder);
            type = source.CommonType;
        }
        var model = ModelFolder.Build(config, type.Value, options.Device);
        try
        {
            return (model, Fill(model, folder));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Loads into a model what it takes over; the rest is drawn from torch's default generator.</summary>
    /// <exception cref="CheckpointException">The weights are damaged, or the backbone is another one.</exception>
    public static StartReport Fill(PretrainedModel model, string folder)
    {
        using var _ = no_grad();
        using var source = WeightSource.Open(folder);
        var names = model.Names;
        foreach (var parameter in model.parameters().Where(Weights.IsPending)) Weights.Materialize(parameter);
        var steps = model.named_parameters().SelectMany(p => names.Parts(p.name).Select(part => Plan(p.name, p.parameter, part))).ToList();
        var fresh = steps.Where(s => s is { Fits: false, Grows: null }).ToList();
        var wrong = fresh.Where(s => s.Ours.StartsWith("backbone.", StringComparison.Ordinal) && !IsConstant(model, s.Parameter)).ToList();
        if (wrong.Count > 0)
            throw new CheckpointException(
                $"{folder} does not fit the model: missing or of another shape: {string.Join(", ", wrong.Select(s => s.Part.Name))}");
        Draw(model, [.. fresh.Select(s => s.Ours)]);
        var added = 0L;
        foreach (var step in steps.Where(s => s.Found is not null))
        {
            using var scope = NewDisposeScope();
            var (file, target) = (source.FileOf(step.Found!), step.Part.View(step.Parameter));
            if (step.Fits) file.CopyTo(step.Found!, target);
            else if (step.Grows is { } dim) added = Math.Max(added, Extend(target, file.Read(step.Found!), dim));
        }
        var used = steps.Where(s => s.Found is not null).SelectMany(s => names.Spellings(s.Part.Name)).ToHashSet();
        var unused = source.Names.Where(n => !used.Contains(n) && !names.IsIgnored(n)).Order().ToList();
        return new([.. fresh.Select(s => s.Part.Name)], unused, added);

        Step Plan(string ours, Tensor parameter, WeightPart part)
        {
            if (WeightLoader.Find(part.Name, names, source) is not { } name) return new(ours, parameter, part);
            using var view = part.View(parameter);
            var (found, wanted) = (source.Entry(name).Shape, part.Shape?.Invoke(parameter.shape) ?? view.shape);
            return new(ours, parameter, part)
            {
                Found = name, Fits = found.SequenceEqual(wanted), Grows = Grown(found, wanted, model.Config.VocabularySize),
            };
        }
    }

    private sealed record Step(string Ours, Tensor Parameter, WeightPart Part)
    {
        public string? Found { get; init; }

        public bool Fits { get; init; }

        public int? Grows { get; init; }
    }

    private static bool IsConstant(PretrainedModel model, Tensor parameter)
        => model.modules().OfType<Constant>().Any(c => c.Weight.Handle == parameter.Handle);

    /// <summary>Gives first values to the modules that hold these parameters.</summary>
    private static void Draw(PretrainedModel model, HashSet<string> parameters)
    {
        var owners = parameters.Select(p => p[..p.LastIndexOf('.')]).ToHashSet();
        model.Config.Initialization.Apply(model.named_modules().Where(m => owners.Contains(m.name)).Select(m => m.module));
        foreach (var head in model.modules().OfType<Head>()) head.Reset();
    }

    /// <summary>Which dimension has grown to the vocabulary's size, all others being equal; null: none.</summary>
    private static int? Grown(long[] found, long[] wanted, long vocabulary)
    {
        if (found.Length != wanted.Length) return null;
        var differ = Enumerable.Range(0, found.Length).Where(d => found[d] != wanted[d]).ToList();
        return differ is [var d] && wanted[d] == vocabulary && found[d] < vocabulary ? d : null;
    }

    private static long Extend(Tensor target, Tensor old, int dim)
    {
        var (known, added) = (old.shape[dim], target.shape[dim] - old.shape[dim]);
        target.narrow(dim, 0, known).copy_(old);
        var fresh = target.narrow(dim, known, added);
        if (old.dim() == 1 || dim != 0)
        {
            fresh.zero_();
            if (old.dim() == 1) fresh.fill_(old.to(ScalarType.Float32).mean().item<float>());
            return added;
        }
        var rows = old.to(ScalarType.Float32);
        var mean = rows.mean([0], keepdim: true);
        // Sums of centred rows with normal weights have the rows' covariance; no decomposition is needed.
        var draws = randn([added, known], ScalarType.Float32, rows.device) * Math.Sqrt(Spread / known);
        fresh.copy_(mean + matmul(draws, rows - mean));
        return added;
    }
}
