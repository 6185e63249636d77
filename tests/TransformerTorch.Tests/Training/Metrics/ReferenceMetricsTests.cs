using System.Text.Json;
using System.Text.Json.Nodes;
using TransformerTorch.Training.Metrics;
using TransformerTorch.Tests.Support;

namespace TransformerTorch.Tests.Training.Metrics;

/// <summary>Metrics. Truth: what the reference implementations computed, by <c>tests/fixtures/metrics/make.py</c>.</summary>
public sealed class ReferenceMetricsTests
{
    private static readonly JsonObject s_cases
        = (JsonObject)JsonNode.Parse(File.ReadAllText(Path.Combine(Fixtures.Root, "metrics", "metrics.json")))!;

    [Fact]
    public void Classes_score_as_scikit_learn_scores_them()
    {
        Each("classification", c =>
        {
            var ours = ClassificationScores.Of(List<int>(c, "predicted"), List<int>(c, "wanted"));
            Near(c, "accuracy", ours.Accuracy);
            Near(c, "micro_f1", ours.Micro.F1);
            Near(c, "macro_f1", ours.MacroF1);
            Near(c, "weighted_f1", ours.WeightedF1);
            Near(c, "macro_precision", ours.Macro.Precision);
            Near(c, "macro_recall", ours.Macro.Recall);
            Near(c, "matthews", ours.Matthews!.Value);
            var classes = (JsonObject)c["classes"]!;
            Assert.Equal(classes.Select(k => k.Key), ours.Classes.Keys.Select(k => $"{k}"));
            foreach (var (name, scores) in classes) Near(scores!, ours.Classes[int.Parse(name)]);
        });
    }

    [Fact]
    public void Several_classes_each_score_as_scikit_learn_scores_them()
    {
        Each("multi_label", c =>
        {
            var ours = ClassificationScores.Of(List<bool[]>(c, "predicted"), List<bool[]>(c, "wanted"));
            Near(c, "accuracy", ours.Accuracy);
            Near(c, "micro_f1", ours.Micro.F1);
            Near(c, "macro_f1", ours.MacroF1);
            Near(c, "weighted_f1", ours.WeightedF1);
            Near(c, "micro_precision", ours.Micro.Precision);
            Near(c, "micro_recall", ours.Micro.Recall);
        });
    }

    [Fact]
    public void Correlations_are_those_of_SciPy()
    {
        Each("correlation", c =>
        {
            Near(c, "pearson", Correlation.Pearson(List<double>(c, "predicted"), List<double>(c, "wanted")));
            Near(c, "spearman", Correlation.Spearman(List<double>(c, "predicted"), List<double>(c, "wanted")));
        });
    }

    [Fact]
    public void Spans_score_as_seqeval_scores_them_in_its_default_mode_and_strictly_in_every_scheme()
    {
        Each("spans", c =>
        {
            var scheme = (string?)c["scheme"] is { } name ? Enum.Parse<TagScheme>(name, ignoreCase: true) : TagScheme.Lenient;
            var ours = SpanScores.Of(List<string[]>(c, "predicted"), List<string[]>(c, "wanted"), scheme);
            Near(c, "precision", ours.Micro.Precision);
            Near(c, "recall", ours.Micro.Recall);
            Near(c, "f1", ours.Micro.F1);
            Near(c, "macro_f1", ours.MacroF1);
        });
    }

    [Fact]
    public void Answers_score_as_the_SQuAD_script_in_Transformers_scores_them()
    {
        Each("answers", c =>
        {
            var ours = AnswerScores.Of(List<string>(c, "predicted"), List<string[]>(c, "wanted"));
            Near(c, "exact_match", ours.ExactMatch);
            Near(c, "f1", ours.F1);
        });
    }

    [Fact]
    public void Rouge_is_that_of_rouge_score_with_and_without_its_stemmer()
    {
        Each("rouge", c =>
        {
            var (predicted, wanted, stem) = ((string)c["predicted"]!, (string)c["wanted"]!, (bool)c["stem"]!);
            Near(c["rouge1"]!, Rouge.N(predicted, wanted, 1, stem));
            Near(c["rouge2"]!, Rouge.N(predicted, wanted, 2, stem));
            Near(c["rougeL"]!, Rouge.L(predicted, wanted, stem));
            Near(c["rougeLsum"]!, Rouge.Lsum(predicted, wanted, stem));
        });
    }

    [Fact]
    public void Stems_are_those_of_NLTK()
    {
        var stems = ((JsonObject)s_cases["stems"]!).Where(s => s.Key.Length > 0).ToList();

        Assert.True(stems.Count > 1000);
        Assert.Empty(stems.Where(s => PorterStemmer.Stem(s.Key) != (string)s.Value!)
            .Select(s => $"{s.Key}: {PorterStemmer.Stem(s.Key)}, not {s.Value}"));
    }

    [Fact]
    public void Bleu_and_chrF_are_those_of_sacreBLEU_with_each_tokenizer_and_several_references()
    {
        Each("translation", c =>
        {
            var tokenizer = (string)c["tokenizer"]! switch
            {
                "13a" => BleuTokenizer.V13a, "intl" => BleuTokenizer.International, "char" => BleuTokenizer.Characters,
                _ => BleuTokenizer.None,
            };
            var (predicted, wanted) = (List<string>(c, "predicted"), List<string[]>(c, "wanted"));
            var bleu = Bleu.Of(predicted, wanted, tokenizer);
            Near(c, "bleu", bleu.Score);
            Near(c, "brevity_penalty", bleu.BrevityPenalty);
            foreach (var (theirs, ours) in List<double>(c, "precisions").Zip(bleu.Precisions)) Assert.Equal(theirs, ours, 1e-9);
            Near(c, "chrf", CharacterFScore.Of(predicted, wanted));
            Near(c, "chrf++", CharacterFScore.Of(predicted, wanted, wordOrders: 2));
        });
    }

    private static void Each(string kind, Action<JsonNode> check)
    {
        var cases = (JsonArray)s_cases[kind]!;
        Assert.NotEmpty(cases);
        Assert.All(cases, c => check(c!));
    }

    private static T[] List<T>(JsonNode c, string key) => c[key].Deserialize<T[]>()!;

    private static void Near(JsonNode c, string key, double ours) => Assert.Equal((double)c[key]!, ours, 1e-9);

    private static void Near(JsonNode scores, PrecisionRecall ours)
    {
        var theirs = scores.Deserialize<double[]>()!;
        Assert.Equal(theirs[0], ours.Precision, 1e-12);
        Assert.Equal(theirs[1], ours.Recall, 1e-12);
        Assert.Equal(theirs[2], ours.F1, 1e-12);
    }
}
