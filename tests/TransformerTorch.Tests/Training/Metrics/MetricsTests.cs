using TransformerTorch.Training.Metrics;

namespace TransformerTorch.Tests.Training.Metrics;

/// <summary>Metrics at their edges. Truth: their definitions, worked by hand.</summary>
public sealed class MetricsTests
{
    [Fact]
    public void Loss_of_one_bit_a_byte_is_one_bit_a_byte()
    {
        var scores = new LanguageModelScores(LossSum: 8 * Math.Log(2), Targets: 4, Bytes: 8);

        Assert.Equal(1, scores.BitsPerByte!.Value, 12);
        Assert.Equal(4, scores.Perplexity, 12);
        Assert.Null((scores with { Bytes = 0 }).BitsPerByte);
    }

    [Fact]
    public void Values_that_do_not_vary_correlate_with_nothing()
        => Assert.True(double.IsNaN(Correlation.Pearson([1, 1, 1], [1, 2, 3])));

    [Fact]
    public void Ties_share_their_mean_rank() => Assert.Equal(1, Correlation.Spearman([1, 2, 2, 3], [10, 20, 20, 30]), 12);

    [Fact]
    public void Predictions_and_references_that_differ_in_number_are_refused()
        => Assert.Contains("2 predictions for 1 references", Assert.Throws<ArgumentException>(
            () => ClassificationScores.Of([1, 2], [1])).Message, StringComparison.Ordinal);

    [Fact]
    public void Tag_that_is_none_of_the_scheme_is_named()
        => Assert.Contains("'E-PER'", Assert.Throws<ArgumentException>(
            () => SpanScores.Spans(["E-PER"], TagScheme.Iob2)).Message, StringComparison.Ordinal);

    [Fact]
    public void Lenient_spans_begin_with_an_inside_tag_and_strict_ones_do_not()
    {
        string[] tags = ["I-PER", "I-PER", "O", "B-LOC"];

        Assert.Equal([new("PER", 0, 1), new("LOC", 3, 3)], SpanScores.Spans(tags));
        Assert.Equal([new("LOC", 3, 3)], SpanScores.Spans(tags, TagScheme.Iob2));
    }

    [Fact]
    public void Question_without_an_answer_is_answered_right_by_nothing()
        => Assert.Equal(new AnswerScores(50, 50), AnswerScores.Of(["", "a guess"], [[], []]));

    [Fact]
    public void Text_that_is_the_wanted_one_has_every_score_whole()
    {
        var scores = TextScores.Of(["the stream is read to its end"], ["the stream is read to its end"]);

        Assert.Equal([1.0, 1, 1, 1, 100, 100, 1], [scores.Rouge1, scores.Rouge2, scores.RougeL, scores.RougeLsum,
            Math.Round(scores.Bleu, 9), Math.Round(scores.ChrF, 9), scores.ExactMatch]);
    }

    [Fact]
    public void Nothing_written_scores_nothing() => Assert.Equal(new TextScores(0, 0, 0, 0, 0, 0, 0), TextScores.Of([""], ["a text"]));
}
