using System.Text.RegularExpressions;
using TransformerTorch.Configuration;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Training.Optimization;

/// <summary>Parameters that are updated by one rule.</summary>
/// <param name="WeightDecay">Decay of these.</param>
/// <param name="Parameters">Names and parameters, in the model's order.</param>
public sealed record ParameterGroup(double WeightDecay, IReadOnlyList<(string Name, Tensor Parameter)> Parameters)
{
    /// <summary>Their learning rate, as a multiple of the run's.</summary>
    public double Rate { get; init; } = 1;
}

/// <summary>Kinds of parameters that may go without weight decay.</summary>
public enum NoDecay
{
    /// <summary>Weights and biases of norms.</summary>
    Norms,

    /// <summary>Biases, and all else of one dimension.</summary>
    Biases,

    /// <summary>Tables of tokens, positions, segments, and of biases by distance.</summary>
    Embeddings,
}

/// <summary>Parameters that are treated otherwise, by name.</summary>
/// <param name="Pattern">A regular expression, looked for in our name and in the published ones.</param>
public sealed record ParameterOverride(string Pattern)
{
    /// <summary>Their learning rate as a multiple of the run's; null: the run's.</summary>
    public double? Rate { get; init; }

    /// <summary>Their weight decay; null: the run's.</summary>
    public double? WeightDecay { get; init; }
}

/// <summary>Which rule holds for which parameter.</summary>
public sealed record ParameterRules
{
    private const RegexOptions Plain = RegexOptions.CultureInvariant;

    /// <summary>Decay of all but those of <see cref="Without"/>.</summary>
    public double WeightDecay { get; init; }

    /// <summary>What does not decay.</summary>
    public IReadOnlyList<NoDecay> Without { get; init; } = [NoDecay.Norms, NoDecay.Biases];

    /// <summary>Each layer's rate is that of the layer above it, times this; embeddings lie below the first.</summary>
    public double LayerDecay { get; init; } = 1;

    /// <summary>Exceptions by name; a parameter may be meant by one at most.</summary>
    public IReadOnlyList<ParameterOverride> Overrides { get; init; } = [];

    /// <summary>Patterns of parameters that are not trained.</summary>
    public IReadOnlyList<string> Frozen { get; init; } = [];

    /// <summary>Where there are any: patterns of the only ones that are trained.</summary>
    public IReadOnlyList<string> Unfrozen { get; init; } = [];

    /// <summary>Takes the parameters that are frozen out of training.</summary>
    /// <exception cref="ModelConfigException">A pattern means no parameter, or nothing is left.</exception>
    public void Freeze(nn.Module model)
    {
        var parameters = Distinct(model);
        Check(Frozen.Concat(Unfrozen), parameters, model);
        foreach (var (name, parameter) in parameters)
        {
            var names = Names(model, name);
            var kept = Unfrozen.Count == 0 || Unfrozen.Any(pattern => Means(pattern, names));
            if (!kept || Frozen.Any(pattern => Means(pattern, names))) parameter.requires_grad = false;
        }
        if (parameters.All(p => !p.Parameter.requires_grad))
            throw new ModelConfigException("all parameters are frozen: nothing is trained");
    }

    /// <summary>Each parameter that requires gradients, in exactly one group; a tied one under its first name.</summary>
    /// <exception cref="ModelConfigException">A pattern means no parameter, or two mean one.</exception>
    public IReadOnlyList<ParameterGroup> Groups(nn.Module model)
    {
        var parameters = Distinct(model).Where(p => p.Parameter.requires_grad).ToList();
        Check(Overrides.Select(o => o.Pattern), parameters, model);
        var kinds = Kinds(model);
        var layers = parameters.Select(p => Layer(p.Name) ?? -1).DefaultIfEmpty(-1).Max() + 1;
        var groups = parameters.GroupBy(p => Rule(p.Name, p.Parameter));
        return [.. groups.Select(g => new ParameterGroup(g.Key.WeightDecay, [.. g]) { Rate = g.Key.Rate })];

        (double WeightDecay, double Rate) Rule(string name, Tensor parameter)
        {
            var names = Names(model, name);
            var meant = Overrides.Where(o => Means(o.Pattern, names)).ToList();
            if (meant.Count > 1)
                throw new ModelConfigException($"{name} is meant by two patterns: {meant[0].Pattern} and {meant[1].Pattern}");
            NoDecay? kind = kinds.TryGetValue(parameter.Handle, out var found) ? found : parameter.dim() < 2 ? NoDecay.Biases : null;
            var below = kind == NoDecay.Embeddings ? layers + 1 : Layer(name) is { } layer ? layers - layer : 0;
            var decay = kind is { } k && (Without.Contains(k) || (k != NoDecay.Embeddings && parameter.dim() < 2
                && Without.Contains(NoDecay.Biases))) ? 0 : WeightDecay;
            var exception = meant.FirstOrDefault();
            return (exception?.WeightDecay ?? decay, (exception?.Rate ?? 1) * Math.Pow(LayerDecay, below));
        }
    }

    private static List<(string Name, Tensor Parameter)> Distinct(nn.Module model)
    {
        var seen = new HashSet<nint>();
        return [.. model.named_parameters().Where(p => seen.Add(p.parameter.Handle)).Select(p => (p.name, (Tensor)p.parameter))];
    }

    private static Dictionary<nint, NoDecay> Kinds(nn.Module model)
    {
        var kinds = new Dictionary<nint, NoDecay>();
        foreach (var module in model.modules())
        {
            NoDecay? kind = module is Norm ? NoDecay.Norms : module is Layers.Embedding or RelativeBias ? NoDecay.Embeddings : null;
            if (kind is { } known)
                foreach (var parameter in module.parameters()) kinds[parameter.Handle] = known;
        }
        return kinds;
    }

    private static int? Layer(string name) =>
        Regex.Match(name, @"(?:^|\.)layers\.(\d+)\.", Plain) is { Success: true } match ? int.Parse(match.Groups[1].ValueSpan) : null;

    private static string[] Names(nn.Module model, string ours) =>
        model is not PretrainedModel { Names: var names } || !names.Covers(ours) ? [ours]
            : [ours, .. names.Parts(ours).Select(part => part.Name)];

    private static bool Means(string pattern, string[] names) => names.Any(name => Regex.IsMatch(name, pattern, Plain));

    private static void Check(IEnumerable<string> patterns, List<(string Name, Tensor Parameter)> parameters, nn.Module model)
    {
        foreach (var pattern in patterns)
            if (!parameters.Any(p => Means(pattern, Names(model, p.Name))))
                throw new ModelConfigException($"no parameter's name holds the pattern {pattern}; the first ones are " +
                    string.Join(", ", parameters.Take(3).SelectMany(p => Names(model, p.Name)).Distinct()));
    }
}
