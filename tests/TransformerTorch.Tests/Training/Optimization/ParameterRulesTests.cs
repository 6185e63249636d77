using TransformerTorch.Models;
using TransformerTorch.Tests.Support;
using TransformerTorch.Checkpoints;
using TransformerTorch.Training.Optimization;

namespace TransformerTorch.Tests.Training.Optimization;

/// <summary>Truth: the names of a published BERT and a published T5.</summary>
public sealed class ParameterRulesTests : IDisposable
{
    private readonly PretrainedModel _bert = ModelFolder.Load<PretrainedModel>(Fixtures.Model("bert-sequence-classification"));

    public void Dispose() => _bert.Dispose();

    [Fact]
    public void Norms_and_biases_do_not_decay_and_each_parameter_is_in_one_group()
    {
        var groups = new ParameterRules { WeightDecay = 0.1 }.Groups(_bert);

        Assert.Equal([0.1, 0], groups.Select(g => g.WeightDecay));
        Assert.All(groups[0].Parameters, p => Assert.True(p.Parameter.dim() >= 2, p.Name));
        Assert.All(groups[1].Parameters, p => Assert.True(p.Parameter.dim() < 2, p.Name));
        Assert.Equal(_bert.named_parameters().Select(p => p.name).Order(),
            groups.SelectMany(g => g.Parameters).Select(p => p.Name).Order());
    }

    [Fact]
    public void Embeddings_go_without_decay_where_asked_for()
    {
        var groups = new ParameterRules { WeightDecay = 0.1, Without = [NoDecay.Norms, NoDecay.Biases, NoDecay.Embeddings] }.Groups(_bert);

        var still = groups.Where(g => g.WeightDecay == 0).SelectMany(g => g.Parameters).Where(p => p.Parameter.dim() > 1).ToList();
        Assert.Equal(3, still.Count);
        Assert.All(still, p => Assert.Contains("embeddings", p.Name, StringComparison.Ordinal));
    }

    [Fact]
    public void Each_layer_learns_slower_than_the_one_above_it()
    {
        var groups = new ParameterRules { LayerDecay = 0.5 }.Groups(_bert);
        double Rate(string part) => groups.Single(g => g.Parameters.Any(p => p.Name.Contains(part, StringComparison.Ordinal))).Rate;
        var layers = _bert.Config.Encoder!.Blocks.Count;

        Assert.Equal(Math.Pow(0.5, layers + 1), groups.Min(g => g.Rate));
        Assert.Equal(0.5, Rate($"layers.{layers - 1}.attention.output.weight"));
        Assert.Equal(Math.Pow(0.5, layers), Rate("layers.0.attention.output.weight"));
        Assert.Equal(1, groups.Max(g => g.Rate));
    }

    [Fact]
    public void Patterns_of_published_names_choose_rates_and_decays()
    {
        var rules = new ParameterRules
        {
            WeightDecay = 0.1,
            Overrides = [new(@"^classifier\.") { Rate = 10, WeightDecay = 0 }, new(@"layer\.0\.attention\.self\.query") { Rate = 0.1 }],
        };

        var groups = rules.Groups(_bert);

        Assert.Equal(["weight", "bias"], groups.Single(g => g.Rate == 10).Parameters.Select(p => p.Name.Split('.')[^1]));
        Assert.Equal([0, 0.1], groups.Where(g => g.Rate == 0.1).Select(g => g.WeightDecay).Order());
        Assert.Equal(_bert.named_parameters().Count(), groups.Sum(g => g.Parameters.Count));
    }

    [Fact]
    public void A_parameter_that_two_patterns_mean_and_a_pattern_that_means_none_are_refused()
    {
        var two = new ParameterRules { Overrides = [new("classifier") { Rate = 2 }, new(@"\.weight$") { Rate = 3 }] };
        var none = new ParameterRules { Overrides = [new("clasifier") { Rate = 2 }] };

        Assert.Contains("classifier", Assert.Throws<ModelConfigException>(() => two.Groups(_bert)).Message, StringComparison.Ordinal);
        Assert.Contains("clasifier", Assert.Throws<ModelConfigException>(() => none.Groups(_bert)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Frozen_parameters_are_in_no_group()
    {
        new ParameterRules { Unfrozen = ["^classifier", "pooler"], Frozen = ["bias$"] }.Freeze(_bert);

        var trained = new ParameterRules().Groups(_bert).SelectMany(g => g.Parameters).Select(p => p.Name).ToList();

        Assert.Equal(2, trained.Count);
        Assert.All(trained, name => Assert.EndsWith("weight", name, StringComparison.Ordinal));
        Assert.Throws<ModelConfigException>(() => new ParameterRules { Frozen = ["."] }.Freeze(_bert));
    }
}
