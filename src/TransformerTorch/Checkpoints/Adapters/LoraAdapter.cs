using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using static TorchSharp.torch;
using Linear = TransformerTorch.Layers.Linear;

namespace TransformerTorch.Checkpoints.Adapters;

/// <summary>
/// Low-rank updates of a model's projections (Hu et al., 2021), one for each published projection however they are fused here, in PEFT's
/// file format: <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.
/// </summary>
public sealed class LoraAdapter
{
    /// <summary>The weights' file in an adapter's folder.</summary>
    public const string FileName = "adapter_model.safetensors";

    private const string Prefix = "base_model.model.", Down = ".lora_A.weight", Up = ".lora_B.weight";
    private readonly PretrainedModel _model;
    private readonly LoraOptions _options;
    private readonly List<Target> _targets;
    private readonly List<Whole> _wholes;

    private LoraAdapter(PretrainedModel model, LoraOptions options)
    {
        (_model, _options) = (model, options);
        _targets = [.. Projections(model).Where(t => options.IsTarget(t.Module, t.IsHead))];
        _wholes = [.. Parts(model).Where(w => options.IsSaved(Module(w.Part.Name)))];
        if (_targets.Count == 0)
            throw new CheckpointException(
                $"no projection of the model is named {options.TargetPattern ?? string.Join(", ", options.Targets)}; it has " +
                $"{string.Join(", ", Projections(model).Select(t => t.Module[(t.Module.LastIndexOf('.') + 1)..]).Distinct())}");
        if (_wholes.Find(w => w.Shape.Aggregate(1L, (a, b) => a * b) != w.Parameter.numel()) is { } fused)
            throw new CheckpointException($"{fused.Part.Name} is part of a larger matrix here and cannot be trained whole");
    }

    /// <summary>The published names of the modules it updates.</summary>
    public IEnumerable<string> Modules => _targets.Select(t => t.Module);

    /// <summary>The published names of the tensors that are trained whole.</summary>
    public IEnumerable<string> Wholes => _wholes.Select(w => w.Part.Name);

    private IEnumerable<Linear> Linears => _targets.Select(t => t.Linear).Distinct();

    /// <summary>Adds updates that change nothing yet to a model, and freezes all else but the modules that are trained whole.</summary>
    /// <exception cref="CheckpointException">The options name nothing that the model has.</exception>
    public static LoraAdapter Add(PretrainedModel model, LoraOptions options)
    {
        var adapter = new LoraAdapter(model, options);
        foreach (var parameter in model.parameters()) parameter.requires_grad = false;
        foreach (var whole in adapter._wholes) whole.Parameter.requires_grad = true;
        foreach (var (module, linear, part, _) in adapter._targets)
        {
            var shape = ShapeOf(linear.Weight, part);
            linear.Add(new LowRankUpdate(linear.Weight.shape[1], part.First, shape[part.Transposed ? 1 : 0],
                new LowRankOptions(options.RankOf(module), options.ScaleOf(module), options.Dropout)));
        }
        return adapter;
    }

    /// <summary>Adds the updates of an adapter's folder to the model it was made on.</summary>
    /// <exception cref="CheckpointException">The files are damaged or do not fit the model.</exception>
    public static LoraAdapter Load(PretrainedModel model, string folder)
    {
        var adapter = Add(model, AdapterConfigFile.Read(folder).Options);
        adapter.LoadWeights(folder);
        return adapter;
    }

    /// <summary>Loads the weights of an adapter's folder into this one.</summary>
    /// <exception cref="CheckpointException">They are damaged or not those of this adapter.</exception>
    public void LoadWeights(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path)) throw new CheckpointException($"{folder}: no {FileName}");
        using var file = TensorFile.Open(path);
        using var _ = no_grad();
        using var scope = NewDisposeScope();
        var wanted = Tensors().ToDictionary(t => t.Name);
        var missing = wanted.Keys.Except(file.Tensors.Keys).Order().ToList();
        var unexpected = file.Tensors.Keys.Except(wanted.Keys).Order().ToList();
        if (missing.Count + unexpected.Count > 0)
            throw new CheckpointException($"{path} does not fit the model: " +
                $"missing ({missing.Count}): {string.Join(", ", missing.Take(5))}; " +
                $"unexpected ({unexpected.Count}): {string.Join(", ", unexpected.Take(5))}");
        foreach (var (name, shape, view) in wanted.Values)
        {
            var found = file.Tensors[name].Shape;
            if (!found.SequenceEqual(shape))
                throw new CheckpointException($"{path}: {name} is {Dims.Describe(found)}, the model has {Dims.Describe(shape)}");
            file.CopyTo(name, view());
        }
    }

    /// <summary>Writes the adapter in PEFT's layout.</summary>
    /// <param name="folder">where; made if it is not there</param>
    /// <param name="basedOn">the model it was made on, as whoever loads it shall find it</param>
    public void Save(string folder, string? basedOn)
    {
        Directory.CreateDirectory(folder);
        SafeTensorsWriter.Write(Path.Combine(folder, FileName),
            [.. Tensors().Select(t => (t.Name, (Func<Tensor>)(() => t.View().reshape(t.Shape))))]);
        var transposed = _targets.Any(t => t.Part.Transposed);
        new AdapterConfigFile(_options, basedOn, AdapterConfigFile.NameOf(_model.Config.Task)).Write(folder, transposed, Modules);
    }

    /// <summary>Adds the updates into the weights for good and takes them off: the model is a plain one again.</summary>
    public void Merge()
    {
        foreach (var linear in Linears)
        {
            MergeInto(linear, sign: 1);
            linear.RemoveUpdates();
        }
    }

    /// <summary>Adds the updates into the weights, for as long as what is returned is not disposed.</summary>
    public IDisposable Merged()
    {
        var linears = Linears.ToDictionary(l => l, l => l.Updates.ToList());
        Merge();
        return new Guard(() =>
        {
            foreach (var (linear, updates) in linears)
            {
                updates.ForEach(linear.Add);
                MergeInto(linear, sign: -1);
            }
        });
    }

    private static void MergeInto(Linear linear, int sign)
    {
        using var _ = no_grad();
        using var scope = NewDisposeScope();
        foreach (var update in linear.Updates)
            linear.Weight.narrow(0, update.First, update.Count).add_((update.Product() * sign).to(linear.Weight.dtype));
    }

    /// <summary>The tensors of its file.</summary>
    private IEnumerable<(string Name, long[] Shape, Func<Tensor> View)> Tensors()
    {
        foreach (var (module, linear, part, _) in _targets)
        {
            var update = linear.Updates.Single(u => u.First == part.First);
            yield return (Prefix + module + Down, update.Down.shape, () => update.Down.alias());
            // B's rows are the projection's: published in another order where those are.
            yield return (Prefix + module + Up, update.Up.shape, () => part.Shape is null ? update.Up.alias() : part.View(update.Up));
        }
        foreach (var whole in _wholes) yield return (Prefix + whole.Part.Name, whole.Shape, () => whole.Part.View(whole.Parameter));
    }

    private static IEnumerable<Target> Projections(PretrainedModel model)
    {
        foreach (var (name, module) in model.named_modules())
        {
            if (module is not Linear linear) continue;
            foreach (var part in model.Names.Parts($"{name}.weight"))
                yield return new(InMemory(model, Module(part.Name)), linear, part, name is "head.output");
        }
    }

    private static IEnumerable<Whole> Parts(PretrainedModel model) => model.named_parameters().SelectMany(
        p => model.Names.Parts(p.name).Select(part => new Whole(p.parameter, part with { Name = InMemory(model, part.Name) })));

    // The bare model's modules have no prefix in the reference's memory.
    private static string InMemory(PretrainedModel model, string name)
        => model is BareModel && model.Names.BasePrefix is { Length: > 0 } prefix && name.StartsWith(prefix, StringComparison.Ordinal)
            ? name[prefix.Length..] : name;

    private static long[] ShapeOf(Tensor parameter, WeightPart part)
    {
        using var view = part.View(parameter);
        return part.Shape?.Invoke(parameter.shape) ?? view.shape;
    }

    private static string Module(string tensor) => tensor[..tensor.LastIndexOf('.')];

    private sealed record Target(string Module, Linear Linear, WeightPart Part, bool IsHead);

    private sealed record Whole(Tensor Parameter, WeightPart Part)
    {
        public long[] Shape { get; } = ShapeOf(Parameter, Part);
    }
}
