using System.Text.Json;
using TransformerTorch.Generation.Grammars;
using TransformerTorch.Tests.Support;

namespace TransformerTorch.Tests.Generation;

/// <summary>
/// No object has a member twice, however a name is written. Truth: System.Text.Json where it allows no duplicates. Tokens are drawn blindly
/// among those that are allowed, with a liking for those that write short names.
/// </summary>
public sealed class MemberNameTests
{
    private static readonly JsonConstraints _constraints = BlindDraws.Constraints();
    private static readonly JsonDocumentOptions _strict = new() { AllowDuplicateProperties = false };

    // What writes objects of many members, with names that are alike: \u0061 is a.
    private static readonly HashSet<int> _liked =
        [.. new[] { "{", "}", "\"", "a", "b", ":", ",", "1", "\\", "u", "00", "61", "\":", ",\"", "{\"", "\\u" }.Select(Id).OfType<int>()];

    [Theory]
    [InlineData("""{"type":"object"}""", 0)]
    [InlineData("""{"type":"object","additionalProperties":{"type":"integer","minimum":0,"maximum":9}}""", 0)]
    [InlineData("""{"type":"object","additionalProperties":{"type":"object","additionalProperties":{"const":1}},"minProperties":2}""", 2)]
    [InlineData("""{"type":"object","additionalProperties":{"const":1},"minProperties":4,"maxProperties":5}""", 4)]
    [InlineData("{}", 0)]
    [InlineData("""
        {"anyOf":[{"properties":{"a":{"const":1},"ab":{"const":1}},"required":["ab"]},{"type":"object","minProperties":2}]}
        """, 1)]
    public void No_member_is_named_twice_and_as_many_are_there_as_are_asked_for(string schema, int least)
    {
        var element = JsonDocument.Parse(schema).RootElement;
        var many = 0;
        for (var seed = 0; seed < 120; seed++)
        {
            // From what is just enough to plenty.
            var constraint = _constraints.Schema(element);
            var text = BlindDraws.Draw(constraint, constraint.LeastTokens + 1 + (seed % 40), new Random(seed), _liked);

            using var value = JsonDocument.Parse(text, _strict);
            if (value.RootElement.ValueKind != JsonValueKind.Object) continue;
            var count = value.RootElement.EnumerateObject().Count();
            Assert.True(count >= least, text);
            if (count > 1) many++;
        }
        Assert.True(many > 0);
    }

    [Theory]
    [InlineData("""{"a":1,"a""", "\"", "x\"")]
    [InlineData("""{"a":1,"\u006""", "1\"", "2\"")]
    [InlineData("""{"\n":{"b":1},"b":1,"\u000a""", "\"", "b\"")]
    [InlineData("""{"":1,""", "\"\"", "\" \"")]
    [InlineData("""[{"ä":[]},{"é":1,"ä":2,"\u00e9""", "\"", "\u00e9\"")]
    public void A_name_that_is_there_already_does_not_end_however_it_is_written(string text, string end, string other)
    {
        var any = JsonDocument.Parse("{}").RootElement;
        Take(_constraints.Schema(any), text + other);
        Assert.Throws<InvalidOperationException>(() => Take(_constraints.Schema(any), text + end));
    }

    [Fact]
    public void A_name_of_most_characters_that_is_there_already_is_not_begun_to_no_end()
    {
        var constraint = _constraints.Schema(JsonDocument.Parse("""{"type":"object"}""").RootElement);
        var name = new string('a', 64);
        Take(constraint, $$"""{"{{name}}":1,"{{name[..63]}}""");
        var scores = new float[BlindDraws.Tokenizer.VocabularySize];
        constraint.Apply(scores, [], 100);
        Assert.Equal((float.NegativeInfinity, 0f, 0f), (scores[Id("a")!.Value], scores[Id("b")!.Value], scores[Id("\"")!.Value]));
    }

    [Fact]
    public void A_schema_that_says_something_twice_is_refused()
    {
        var twice = JsonDocument.Parse("""{"properties":{"a":{},"a":{"type":"null"}}}""").RootElement;
        Assert.StartsWith("this schema cannot be read: ", Assert.Throws<SchemaException>(() => _constraints.Schema(twice)).Message,
            StringComparison.Ordinal);
    }

    private static int? Id(string text) => BlindDraws.Tokenizer.TokenToId(text);

    private static void Take(JsonConstraint constraint, string text)
    {
        foreach (var id in BlindDraws.Tokenizer.Encode(text).Ids) constraint.Accept(id);
    }
}
