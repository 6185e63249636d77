using System.Xml.Linq;
using TransformerTorch.Training;

namespace TransformerTorch.Tests.Training;

public sealed class LossChartTests
{
    private static readonly XNamespace _svg = "http://www.w3.org/2000/svg";

    private static LossChart Chart(params double[] losses) => new() { Training = new([.. losses.Select((loss, i) => (i + 1L, loss))]) };

    private static IEnumerable<string> Paths(LossChart chart, string name) => XDocument.Parse(chart.ToSvg()).Descendants(_svg + "path")
        .Where(path => (string?)path.Attribute("class") == name).Select(path => (string)path.Attribute("d")!);

    [Theory]
    [InlineData]
    [InlineData(3.0)]
    [InlineData(3.0, 2.0, 1.0)]
    [InlineData(2.0, 2.0, 2.0)]
    [InlineData(double.NaN, double.NaN)]
    [InlineData(3.0, double.PositiveInfinity, 2.0)]
    [InlineData(0.0)]
    [InlineData(1e-12, 1e12)]
    public void Any_losses_give_a_picture_whose_numbers_are_finite(params double[] losses)
    {
        var text = Chart(losses).ToSvg();

        Assert.NotNull(XDocument.Parse(text).Root);
        Assert.DoesNotContain("NaN", text, StringComparison.Ordinal);
        Assert.DoesNotContain("Infinity", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Losses_that_are_not_finite_are_gaps_in_the_line() =>
        Assert.Equal(2, Paths(Chart(3, 2.5, double.NaN, double.NaN, 2, 1.5), "mean").Single().Count(c => c == 'M'));

    [Fact]
    public void Line_runs_from_left_to_right_and_lower_losses_stand_lower()
    {
        var points = Paths(Chart(4, 3, 2), "mean").Single()[1..].Split('L')
            .Select(point => point.Split(' ').Select(double.Parse).ToArray()).ToArray();

        Assert.Equal(3, points.Length);
        Assert.True(points[0][0] < points[1][0] && points[1][0] < points[2][0]);
        Assert.Equal(points[1][1] - points[0][1], points[2][1] - points[1][1], 0.11);
        Assert.True(points[0][1] < points[1][1]);
    }

    [Fact]
    public void Hundred_thousand_points_stay_a_small_picture_that_keeps_extremes()
    {
        var losses = Enumerable.Range(0, 100_000).Select(i => 2 + i % 7 * 0.1).ToArray();
        losses[54_321] = 1.5;

        var thin = new LossCurve([.. losses.Select((loss, i) => ((long)i, loss))]).Thin(columns: 600);

        Assert.InRange(thin.Points.Count, 600, 2400);
        Assert.Contains((54_321L, 1.5), thin.Points);
        Assert.InRange(Chart(losses).ToSvg().Length, 1, 150_000);
    }

    [Fact]
    public void Mean_follows_the_trend_without_lag_and_without_spreading_a_spike()
    {
        var curve = new LossCurve([.. Enumerable.Range(0, 2000).Select(i => ((long)i, i == 1000 ? 500.0 : 10 - i * 0.004))]);

        var smooth = curve.Smooth();

        Assert.Equal(10 - 500 * 0.004, smooth.Points[500].Value, 1e-6);
        Assert.InRange(smooth.Points[1010].Value, 5.8, 6.2);
    }

    [Fact]
    public void Steps_taken_again_after_a_resume_replace_the_earlier_ones()
    {
        var chart = LossChart.FromMetrics(
            ["""{"step":1,"loss":4,"learning_rate":0.1}""", """{"step":2,"loss":3,"learning_rate":0.1}""", """{"step":2,"eval_loss":3.5}""",
             """{"step":2,"loss":2.5,"learning_rate":0.2}""", """{"step":3,"loss":null}""", ""], "run");

        Assert.Equal([(1, 4.0), (2, 2.5), (3, double.NaN)], chart.Training.Points);
        Assert.Equal([(2, 3.5)], chart.Validation.Points);
        Assert.Equal([(1, 0.1), (2, 0.2)], chart.LearningRate.Points);
    }

    [Fact]
    public void Title_is_text_whatever_it_contains()
    {
        var svg = (Chart(1, 2) with { Title = "<a> & \"b\"" }).ToSvg();

        Assert.Equal("<a> & \"b\"", XDocument.Parse(svg).Descendants(_svg + "title").Single().Value);
    }
}
