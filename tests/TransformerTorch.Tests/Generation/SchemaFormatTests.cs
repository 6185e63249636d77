using System.Globalization;
using System.Text.Json;
using TransformerTorch.Generation.Grammars;
using TransformerTorch.Tests.Support;

namespace TransformerTorch.Tests.Generation;

/// <summary>Truth: System.Text.Json and System.Uri, which read what is drawn, and the calendar of .NET.</summary>
public sealed class SchemaFormatTests
{
    private static readonly JsonConstraints _constraints = BlindDraws.Constraints();

    [Theory]
    [InlineData("date-time", typeof(DateTime))]
    [InlineData("date-time", typeof(DateTimeOffset))]
    [InlineData("date", typeof(DateOnly))]
    [InlineData("time", typeof(TimeOnly))]
    [InlineData("uuid", typeof(Guid))]
    [InlineData("uri", typeof(Uri))]
    public void What_is_drawn_is_read_as_the_type_that_has_this_format(string format, Type type)
    {
        var schema = JsonDocument.Parse($$"""{"type":"string","format":"{{format}}"}""").RootElement;
        for (var seed = 0; seed < 200; seed++)
        {
            var text = BlindDraws.Draw(_constraints.Schema(schema), 50 + seed, new Random(seed));
            var value = JsonSerializer.Deserialize(text, type)!;
            if (value is Uri uri) Assert.True(uri.IsAbsoluteUri, text);
        }
    }

    [Theory]
    [InlineData("9999-12-31")]
    [InlineData("1000-01-01")]
    public void Days_are_those_of_the_calendar(string around)
    {
        var day = DateOnly.Parse(around, CultureInfo.InvariantCulture);
        int[] years = [day.Year, 1900, 2000, 2023, 2024, 2100, 2400];
        foreach (var year in years)
            for (var month = 0; month <= 13; month++)
                for (var date = 0; date <= 32; date++)
                {
                    var text = $"{year:D4}-{month:D2}-{date:D2}";
                    Assert.Equal(DateOnly.TryParseExact(text, "yyyy-MM-dd", out _), Accepts("date", text));
                }
    }

    [Theory]
    [InlineData("date-time", "2024-02-29T23:59:59.1234567+13:30", true)]
    [InlineData("date-time", "9999-12-31T23:59:59Z", true)]
    [InlineData("date-time", "9999-12-31T23:59:59-01:00", false)] // there is no such moment
    [InlineData("date-time", "2024-02-29 23:59:59Z", false)]
    [InlineData("date-time", "2024-02-29T23:59:60Z", false)]
    [InlineData("time", "00:00:00", true)]
    [InlineData("time", "24:00:00", false)]
    [InlineData("uri", "https://example.org:8080/a/b.html?c=d&e=%20#f", true)]
    [InlineData("uri", "http://127.0.0.1", true)]
    [InlineData("uri", "urn:isbn:0451450523", true)]
    [InlineData("uri", "example.org/a", false)]
    [InlineData("uuid", "6F9619FF-8b86-d011-b42d-00cf4fc964ff", true)]
    [InlineData("uuid", "6F9619FF8b86d011b42d00cf4fc964ff", false)]
    [InlineData("int32", "what is not followed says nothing", true)]
    public void What_has_the_format_is_accepted_and_nothing_else(string format, string text, bool expected)
        => Assert.Equal(expected, Accepts(format, text));

    [Fact]
    public void A_format_is_followed_where_parts_of_a_schema_are_joined()
    {
        var rule = Compile("""{"allOf":[{"type":["string","null"]},{"anyOf":[{"minimum":3},{"maximum":2}]}],"format":"date"}""");
        Assert.True(rule.Accepts("\"2024-01-01\""u8));
        Assert.True(rule.Accepts("null"u8));
        Assert.False(rule.Accepts("\"today\""u8));
    }

    private static bool Accepts(string format, string text)
        => Compile($$"""{"type":"string","format":"{{format}}"}""").Accepts(System.Text.Encoding.UTF8.GetBytes($"\"{text}\""));

    private static Grammar Compile(string schema) => new(SchemaCompiler.Compile(JsonDocument.Parse(schema).RootElement));
}
