using static TorchSharp.torch;

namespace TransformerTorch.Models;

/// <summary>A published tensor as a part of one of ours.</summary>
/// <param name="Name">the published name</param>
/// <param name="View">from our tensor (a parameter or its gradient) to a view of it in the published shape; may give a non-contiguous
/// one</param>
public sealed record WeightPart(string Name, Func<Tensor, Tensor> View);

/// <summary>
/// How our parameter names relate to a family's published ones. A rule names a module on both sides, <c>*</c> standing for the layer's
/// index, and covers its weight and its bias. Reading copies into the views, writing copies out of them.
/// </summary>
public sealed class WeightNames
{
    private readonly Dictionary<string, Func<string, string, IEnumerable<WeightPart>>> _rules = [];
    private readonly List<string> _ignored = [];

    /// <summary>Part of the names that a checkpoint of the bare stack leaves out ("transformer.").</summary>
    public string BasePrefix { get; init; } = "";

    /// <summary>One module is one published module.</summary>
    public WeightNames Same(string ours, string published)
        => Add(ours, (index, kind) => [new(Name(published, index, kind), t => t.alias())]);

    /// <summary>As <see cref="Same"/>, with matrices stored as (in, out).</summary>
    public WeightNames Transposed(string ours, string published)
        => Add(ours, (index, kind) => [new(Name(published, index, kind), t => t.dim() == 2 ? t.t() : t.alias())]);

    /// <summary>Our rows are those of several published modules, one after the other.</summary>
    public WeightNames Rows(string ours, params (string Published, long Count)[] parts) => Add(ours, (index, kind) =>
    {
        var start = 0L;
        var result = new List<WeightPart>();
        foreach (var (published, count) in parts)
        {
            var first = start;
            result.Add(new(Name(published, index, kind), t => t.narrow(0, first, count)));
            start += count;
        }
        return result;
    });

    /// <summary>Published tensors whose names end so are no weights of ours (masks, tied copies).</summary>
    public WeightNames Ignore(params string[] endings)
    {
        _ignored.AddRange(endings);
        return this;
    }

    /// <summary>The published parts of one of our parameters.</summary>
    /// <exception cref="InvalidOperationException">The family has no rule for it.</exception>
    public IEnumerable<WeightPart> Parts(string ours)
    {
        var pieces = ours.Split('.');
        var layer = Array.FindIndex(pieces, p => int.TryParse(p, out _));
        var index = layer < 0 ? "" : pieces[layer];
        if (layer >= 0) pieces[layer] = "*";
        return _rules.TryGetValue(string.Join('.', pieces[..^1]), out var rule) ? rule(index, pieces[^1])
            : throw new InvalidOperationException($"no published name for the parameter {ours}");
    }

    /// <summary>Whether a published tensor is to be passed over.</summary>
    public bool IsIgnored(string published) => _ignored.Any(e => published.EndsWith(e, StringComparison.Ordinal));

    private WeightNames Add(string ours, Func<string, string, IEnumerable<WeightPart>> rule)
    {
        _rules.Add(ours, rule);
        return this;
    }

    private static string Name(string published, string index, string kind)
        => $"{published.Replace("*", index, StringComparison.Ordinal)}.{kind}";
}
