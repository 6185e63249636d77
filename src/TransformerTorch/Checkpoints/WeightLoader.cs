using TransformerTorch.Models;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>
/// Between a model's parameters and published tensors. All or nothing: shapes and names are checked before anything is copied.
/// </summary>
public static class WeightLoader
{
    /// <summary>Copies published tensors into a model.</summary>
    /// <param name="model">the model, its values not yet set</param>
    /// <param name="names">the family's published names</param>
    /// <param name="source">the published tensors</param>
    /// <param name="where">the source's name, for messages</param>
    /// <exception cref="CheckpointException">Tensors are missing, unexpected or of another shape; all of them are listed.</exception>
    public static void Load(nn.Module model, WeightNames names, WeightSource source, string where)
    {
        using var _ = no_grad();
        var plan = Plan(model, names, source, where);
        foreach (var (target, part, name) in plan)
        {
            using var scope = NewDisposeScope();
            var view = part.View(target);
            view.copy_(source.Read(name).view(view.shape));
        }
    }

    /// <summary>A model's parameters, or what hangs on them such as gradients, by published name and in published shape.</summary>
    public static List<(string Name, Func<Tensor> Tensor)> Published(nn.Module model, WeightNames names, Func<Tensor, Tensor>? of = null)
        => [.. from p in model.named_parameters()
               from part in names.Parts(p.name)
               select (part.Name, (Func<Tensor>)(() => part.View(of is null ? p.parameter : of(p.parameter))))];

    private static List<(Tensor Target, WeightPart Part, string Name)> Plan(
        nn.Module model, WeightNames names, WeightSource source, string where)
    {
        using var scope = NewDisposeScope();
        var plan = new List<(Tensor, WeightPart, string)>();
        var (missing, misshaped, used) = (new List<string>(), new List<string>(), new HashSet<string>());
        foreach (var (ours, parameter) in model.named_parameters())
        {
            foreach (var part in names.Parts(ours))
            {
                if (Find(part.Name, names.BasePrefix, source) is not { } name)
                {
                    missing.Add(part.Name);
                    continue;
                }
                used.Add(name);
                var (found, wanted) = (source.Entry(name).Shape, part.View(parameter).shape);
                if (!found.SequenceEqual(wanted)) misshaped.Add($"{name} is {Dims.Describe(found)}, the model has {Dims.Describe(wanted)}");
                else plan.Add((parameter, part, name));
            }
        }
        var unexpected = source.Names.Where(n => !used.Contains(n) && !names.IsIgnored(n)).Order().ToList();
        if (missing.Count + misshaped.Count + unexpected.Count == 0) return plan;
        var lists = List("missing", missing) + List("mis-shaped", misshaped) + List("unexpected", unexpected);
        throw new CheckpointException($"{where} does not fit the model:{lists}");
    }

    /// <summary>The published name, with the base's prefix or without it, as the file has it.</summary>
    private static string? Find(string name, string prefix, WeightSource source)
    {
        if (source.Names.Contains(name)) return name;
        var bare = prefix != "" && name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : null;
        return bare is not null && source.Names.Contains(bare) ? bare : null;
    }

    private static string List(string what, List<string> names)
        => names.Count == 0 ? "" : $"{Environment.NewLine}  {what} ({names.Count}): {string.Join(", ", names)}";
}
