using static TorchSharp.torch;

namespace TransformerTorch.Models;

/// <summary>A published tensor as a part of one of ours.</summary>
/// <param name="Name">the published name</param>
/// <param name="View">from our tensor (a parameter or its gradient) to a view of it whose elements are in the published order; may be
/// non-contiguous</param>
public sealed record WeightPart(string Name, Func<Tensor, Tensor> View)
{
    /// <summary>The published shape, from that of our tensor; null: the view's.</summary>
    public Func<long[], long[]>? Shape { get; init; }

    /// <summary>The first of our rows that are its.</summary>
    public long First { get; init; }

    /// <summary>Whether a matrix is published as (in, out).</summary>
    public bool Transposed { get; init; }
}

/// <summary>
/// How our parameter names relate to a family's published ones. A rule names a module on both sides, <c>*</c> standing for the layer's
/// index, and covers its weight and its bias, or one tensor by its whole name. Reading copies into the views, writing copies out of them.
/// </summary>
public sealed class WeightNames
{
    private readonly Dictionary<string, Func<string, string, IEnumerable<WeightPart>>> _rules = [];
    private readonly Dictionary<string, string> _wholes = [];
    private readonly List<string> _ignored = [];
    private readonly List<(string Name, string Other)> _spellings
        = [("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")];

    /// <summary>Part of the names that a checkpoint of the bare stack leaves out ("transformer.").</summary>
    public string BasePrefix { get; init; } = "";

    /// <summary>What stands in its place in the names of one task's class; null: it itself.</summary>
    public string? BaseName { get; init; }

    /// <summary>One module is one published module.</summary>
    public WeightNames Same(string ours, string published)
        => Add(ours, (index, kind) => [new(Name(published, index, kind), t => t.alias())]);

    /// <summary>As <see cref="Same"/>, with matrices stored as (in, out).</summary>
    public WeightNames Transposed(string ours, string published)
        => Add(ours, (index, kind) => [new(Name(published, index, kind), t => t.dim() == 2 ? t.t() : t.alias()) { Transposed = true }]);

    /// <summary>Our rows are those of several published modules, one after the other.</summary>
    public WeightNames Rows(string ours, params (string Published, long Count)[] parts) => Add(ours, (index, kind) =>
    {
        var start = 0L;
        var result = new List<WeightPart>();
        foreach (var (published, count) in parts)
        {
            var first = start;
            result.Add(new(Name(published, index, kind), t => t.narrow(0, first, count)) { First = first });
            start += count;
        }
        return result;
    });

    /// <summary>One tensor is one published tensor, both by their whole names.</summary>
    /// <param name="ours">our tensor</param>
    /// <param name="published">the published name</param>
    /// <param name="whole">the name that the reference has for it in memory, where that is another</param>
    public WeightNames Exact(string ours, string published, string? whole = null)
    {
        if (whole is not null) _wholes.Add(ours, whole);
        return Add(ours, (index, _) => [new(Numbered(published, index), t => t.alias())]);
    }

    /// <summary>
    /// Our rows are three blocks (queries, keys, values) of heads; the published ones are heads of three blocks each.
    /// </summary>
    public WeightNames RowsByHead(string ours, string published, long heads)
        => Add(ours, (index, kind) => [new(Name(published, index, kind), t => ByHead(t, heads)) { Shape = shape => shape }]);

    /// <summary>A published tensor that checkpoints may have under another name instead or as well.</summary>
    public WeightNames Also(string published, string other)
    {
        _spellings.AddRange([(published, other), (other, published)]);
        return this;
    }

    /// <summary>The names under which a checkpoint may have a published tensor, the best first.</summary>
    public IEnumerable<string> Spellings(string published)
    {
        var names = _spellings.Where(s => published.EndsWith(s.Name, StringComparison.Ordinal))
            .Select(s => published[..^s.Name.Length] + s.Other).Prepend(published).ToList();
        if (BasePrefix == "") return names;
        return names.Concat(names.Where(n => n.StartsWith(BasePrefix, StringComparison.Ordinal)).Select(n => n[BasePrefix.Length..]));
    }

    /// <summary>Published tensors whose names end so are no weights of ours (masks, tied copies).</summary>
    public WeightNames Ignore(params string[] endings)
    {
        _ignored.AddRange(endings);
        return this;
    }

    /// <summary>
    /// One tensor stacks published ones, a row of its first dimension being parts of each expert's: see
    /// <see cref="Layers.MixtureOfExperts"/>.
    /// </summary>
    /// <param name="ours">our tensor</param>
    /// <param name="whole">the name that the reference has for it in memory</param>
    /// <param name="experts">how many it stacks</param>
    /// <param name="parts">published names, <c>#</c> standing for the expert, with the rows that each takes</param>
    public WeightNames Experts(string ours, string whole, int experts, params (string Published, long Rows)[] parts)
    {
        _wholes.Add(ours, whole);
        return Add(ours, (index, _) => Enumerable.Range(0, experts).SelectMany(expert => Rows(index, expert, parts)));

        static IEnumerable<WeightPart> Rows(string index, int expert, (string Published, long Rows)[] parts)
        {
            var start = 0L;
            foreach (var (published, rows) in parts)
            {
                var first = start;
                var name = Numbered(published, index).Replace("#", $"{expert}", StringComparison.Ordinal);
                yield return new(name, t => t.select(0, expert).narrow(0, first, rows));
                start += rows;
            }
        }
    }

    /// <summary>The name that the reference has in memory for one of our parameters where it publishes it otherwise; null: none.</summary>
    public string? Whole(string ours)
    {
        var (rule, index) = Starred(ours);
        return _wholes.TryGetValue(rule, out var whole) ? Numbered(whole, index) : null;
    }

    /// <summary>The published parts of one of our parameters.</summary>
    /// <exception cref="InvalidOperationException">The family has no rule for it.</exception>
    public IEnumerable<WeightPart> Parts(string ours)
    {
        var (whole, index) = Starred(ours);
        var kind = whole[(whole.LastIndexOf('.') + 1)..];
        if (!_rules.TryGetValue(whole, out var rule) && !_rules.TryGetValue(whole[..^(kind.Length + 1)], out rule))
            throw new InvalidOperationException($"no published name for the parameter {ours}");
        var parts = rule(index, kind);
        return BaseName is null ? parts : parts.Select(p => p with { Name = Based(p.Name) });
    }

    /// <summary>Whether the family has a name for one of our parameters.</summary>
    public bool Covers(string ours)
    {
        var (whole, _) = Starred(ours);
        return _rules.ContainsKey(whole) || _rules.ContainsKey(whole[..whole.LastIndexOf('.')]);
    }

    /// <summary>Whether a published tensor is to be passed over.</summary>
    public bool IsIgnored(string published) => _ignored.Any(e => published.EndsWith(e, StringComparison.Ordinal));

    private WeightNames Add(string ours, Func<string, string, IEnumerable<WeightPart>> rule)
    {
        _rules.Add(ours, rule);
        return this;
    }

    private static (string Rule, string Index) Starred(string ours)
    {
        var pieces = ours.Split('.');
        var layer = Array.FindIndex(pieces, p => int.TryParse(p, out _));
        if (layer < 0) return (ours, "");
        var index = pieces[layer];
        pieces[layer] = "*";
        return (string.Join('.', pieces), index);
    }

    private static Tensor ByHead(Tensor t, long heads)
    {
        var size = t.shape[0] / (3 * heads);
        return t.dim() == 1 ? t.view(3, heads, size).transpose(0, 1) : t.view(3, heads, size, t.shape[1]).transpose(0, 1);
    }

    private string Based(string name)
        => name.StartsWith(BasePrefix, StringComparison.Ordinal) ? BaseName + name[BasePrefix.Length..] : name;

    private static string Name(string published, string index, string kind) => $"{Numbered(published, index)}.{kind}";

    private static string Numbered(string published, string index) => published.Replace("*", index, StringComparison.Ordinal);
}
