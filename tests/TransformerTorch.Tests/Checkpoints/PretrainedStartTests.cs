using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using TransformerTorch.Models;
using TransformerTorch.Tests.Support;
using TorchSharp;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Checkpoints;

/// <summary>Models that begin from published ones. Truth: the published weights, and Transformers' rule for new tokens.</summary>
public sealed class PretrainedStartTests
{
    private static (PretrainedModel Model, StartReport Report) Start(string fixture, string changes, ModelTask? task = null)
        => PretrainedStart.Load(PretrainedStart.Configure(Fixtures.Model(fixture), (JsonObject)JsonNode.Parse(changes)!, task),
            Fixtures.Model(fixture), new LoadOptions());

    [Fact]
    public void Unchanged_it_is_the_published_model_and_nothing_is_drawn()
    {
        var (model, report) = Start("bert-sequence-classification", "{}");
        using var published = ModelFolder.Load(Fixtures.Model("bert-sequence-classification"));

        Assert.Equal([], report.New);
        Assert.Equal([], report.Unused);
        Assert.All(model.parameters().Zip(published.parameters()), p => Assert.True(p.First.equal(p.Second).all().item<bool>()));
        model.Dispose();
    }

    [Fact]
    public void Head_for_another_number_of_labels_is_drawn_and_the_rest_taken_over()
    {
        var (model, report) = Start("bert-sequence-classification", """{"num_labels": 7}""");

        Assert.Equal(["classifier.weight", "classifier.bias"], report.New);
        Assert.Equal(7, model.Config.Labels.Count);
        var classifier = (Tensor)model.named_parameters().Single(p => p.name == "head.output.weight").parameter;
        Assert.Equal([7, model.Backbone.Width], classifier.shape);
        Assert.InRange(classifier.std().item<float>(), 0.005, 0.05);
        model.Dispose();
    }

    [Fact]
    public void Model_for_another_task_has_that_head_and_says_what_it_left_behind()
    {
        var (model, report) = Start(
            "bert-pretraining", """{"id2label": {"0": "no", "1": "yes", "2": "both"}}""", ModelTask.TokenClassification);

        Assert.IsType<TokenClassifier>(model);
        Assert.Equal(["no", "yes", "both"], model.Config.Labels);
        Assert.Equal("BertForTokenClassification", (string?)model.Config.Published["architectures"]![0]);
        Assert.Equal(["classifier.weight", "classifier.bias"], report.New);
        Assert.Contains("cls.predictions.transform.dense.weight", report.Unused);
        model.Dispose();
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama")]
    [InlineData("bart")]
    public void Rows_of_new_tokens_begin_as_the_mean_of_the_others_and_differ(string fixture)
    {
        using var published = (LanguageModel)ModelFolder.Load(Fixtures.Model(fixture));
        var known = published.Config.VocabularySize;
        var (model, report) = Start(fixture, $$"""{"vocab_size": {{known + 3}}}""");
        using var scope = NewDisposeScope();
        var (old, all) = (published.Backbone.TokenWeight, model.Backbone.TokenWeight);

        Assert.Equal(3, report.AddedTokens);
        Assert.Equal([], report.New);
        Assert.True(all.narrow(0, 0, known).equal(old).all().item<bool>());
        TensorAssert.Close(old.mean([0], keepdim: true).expand(3, -1), all.narrow(0, known, 3), 1e-4);
        Assert.False(all[known].equal(all[known + 1]).all().item<bool>());
        Assert.Equal(known + 3, ((LanguageModel)model).HeadWeight.shape[0]);
        model.Dispose();
    }

    [Fact]
    public void Backbone_of_another_shape_is_refused_by_name()
        => Assert.Contains("h.0.mlp.c_fc.weight", Assert.Throws<CheckpointException>(() => Start("gpt2", """{"n_inner": 48}""")).Message,
            StringComparison.Ordinal);
}
