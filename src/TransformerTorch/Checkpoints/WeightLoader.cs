using TorchSharp;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>
/// Between a model's parameters and published tensors. All or nothing: shapes and names are checked before anything is copied.
/// </summary>
public static class WeightLoader
{
    private const int AtOnce = 4; // each with a buffer of its own

    /// <summary>
    /// Copies published tensors into a model. Parameters that have no memory yet get it now, once; constants that are not published take
    /// their usual values.
    /// </summary>
    /// <param name="model">the model, its values not yet set</param>
    /// <param name="names">the family's published names</param>
    /// <param name="source">the published tensors</param>
    /// <param name="where">the source's name, for messages</param>
    /// <param name="mapped">as <see cref="LoadOptions.Mapped"/></param>
    /// <param name="partly">whether tensors that are no part of the model are passed over</param>
    /// <exception cref="CheckpointException">Tensors are missing, unexpected or of another shape; all of them are listed.</exception>
    public static void Load(
        nn.Module model, WeightNames names, WeightSource source, string where, bool mapped = false, bool partly = false)
    {
        using var _ = no_grad();
        var constants = model.modules().OfType<Constant>().ToDictionary(c => c.Weight.Handle);
        var steps = Plan(model, names, source, where, [.. constants.Keys], partly);
        foreach (var published in steps) constants.Remove(published.Target.Handle);
        foreach (var absent in constants.Values) absent.Reset();
        if (mapped) steps.RemoveAll(TryMap);
        foreach (var step in steps)
            if (Weights.IsPending(step.Target)) Weights.Materialize(step.Target);
        // In the files' order, in which a disk reads ahead; several at once, so that it does not wait while numbers are converted.
        var inOrder = source.Files.SelectMany(file => steps.Where(s => s.File == file).OrderBy(s => file.Tensors[s.Name].Begin));
        InParallel.ForEach(inOrder, Copy, AtOnce);
    }

    private static void Copy(Step step)
    {
        using var _ = no_grad();
        using var scope = NewDisposeScope();
        step.File.CopyTo(step.Name, step.Part.View(step.Target));
    }

    /// <summary>A model's parameters, or what hangs on them such as gradients, by published name and in published shape.</summary>
    public static List<(string Name, Func<Tensor> Tensor)> Published(nn.Module model, WeightNames names, Func<Tensor, Tensor>? of = null)
        => [.. from p in model.named_parameters()
               from part in names.Parts(p.name)
               select (part.Name, (Func<Tensor>)(() => InPublishedShape(part, of is null ? p.parameter : of(p.parameter))))];

    /// <summary>Parameters that the reference holds in memory under one name and publishes as many tensors, by that name.</summary>
    public static List<(string Name, Func<Tensor> Tensor)> Whole(nn.Module model, WeightNames names, Func<Tensor, Tensor> of)
        => [.. from p in model.named_parameters()
               let whole = names.Whole(p.name)
               where whole is not null
               select (whole, (Func<Tensor>)(() => of(p.parameter)))];

    private static Tensor InPublishedShape(WeightPart part, Tensor tensor)
    {
        var view = part.View(tensor);
        return part.Shape is null ? view : view.reshape(part.Shape(tensor.shape));
    }

    /// <summary>A published tensor on its way into a part of one of ours.</summary>
    private sealed record Step(Tensor Target, WeightPart Part, TensorFile File, string Name);

    private static List<Step> Plan(
        nn.Module model, WeightNames names, WeightSource source, string where, HashSet<nint> constants, bool partly)
    {
        using var scope = NewDisposeScope();
        var plan = new List<Step>();
        var (missing, misshaped, used) = (new List<string>(), new List<string>(), new HashSet<string>());
        foreach (var (ours, parameter) in model.named_parameters())
        {
            foreach (var part in names.Parts(ours))
            {
                if (Find(part.Name, names, source) is not { } name)
                {
                    if (!constants.Contains(parameter.Handle)) missing.Add(part.Name);
                    continue;
                }
                used.UnionWith(names.Spellings(part.Name));
                var (found, wanted) = (source.Entry(name), part.Shape?.Invoke(parameter.shape) ?? part.View(parameter).shape);
                if (!found.Shape.SequenceEqual(wanted))
                    misshaped.Add($"{name} is {Dims.Describe(found.Shape)}, the model has {Dims.Describe(wanted)}");
                else if (found.ScalarType is var _) plan.Add(new Step(parameter, part, source.FileOf(name), name));
            }
        }
        var unexpected = source.Names.Where(n => !partly && !used.Contains(n) && !names.IsIgnored(n)).Order().ToList();
        if (missing.Count + misshaped.Count + unexpected.Count == 0) return plan;
        var lists = List("missing", missing) + List("mis-shaped", misshaped) + List("unexpected", unexpected);
        throw new CheckpointException($"{where} does not fit the model:{lists}");
    }

    /// <summary>Lets the parameter be the file's pages, where the file holds it as the model wants it.</summary>
    private static bool TryMap(Step step)
    {
        using var scope = NewDisposeScope();
        var target = step.Target;
        if (!Weights.IsPending(target) || target.device_type != DeviceType.CPU) return false;
        if (step.File.Tensors[step.Name].ScalarType != target.dtype) return false;
        // How the part lies in a parameter, asked of one that takes no memory.
        var view = step.Part.View(empty(target.shape, target.dtype, META));
        if (!view.is_contiguous() || !view.shape.SequenceEqual(target.shape)) return false;
        if (step.File.Map(step.Name) is not { } pages) return false;
        Weights.Materialize(target, pages);
        return true;
    }

    /// <summary>The published name as the file has it.</summary>
    internal static string? Find(string name, WeightNames names, WeightSource source)
        => names.Spellings(name).FirstOrDefault(source.Names.Contains);

    private static string List(string what, List<string> names)
        => names.Count == 0 ? "" : $"{Environment.NewLine}  {what} ({names.Count}): {string.Join(", ", names)}";
}
