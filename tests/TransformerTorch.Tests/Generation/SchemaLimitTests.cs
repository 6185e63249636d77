using System.Text.Json;
using System.Text.Json.Nodes;
using TransformerTorch.Generation.Grammars;
using TransformerTorch.Tests.Support;
using TransformerTorch.Tests.Training;

namespace TransformerTorch.Tests.Generation;

/// <summary>
/// Schemas that would end the process or hold the engine's thread are refused, and what is kept of them does no harm. Truth: they end in a
/// <see cref="SchemaException"/> and nothing else.
/// </summary>
[Collection(nameof(Alone))]
public sealed class SchemaLimitTests
{
    private static readonly JsonConstraints _constraints = BlindDraws.Constraints();

    [Theory]
    [InlineData("parentheses", "/pattern: nested too deep")]
    [InlineData("names", "#: more than 2000 properties, listed or required")]
    [InlineData("branches", "#/oneOf: more than 256 ways to satisfy it")]
    public void What_is_too_deep_or_too_much_is_refused(string kind, string message)
    {
        JsonNode schema = kind switch
        {
            "parentheses" => new JsonObject { ["type"] = "string", ["pattern"] = new string('(', 150_000) },
            "names" => new JsonObject { ["required"] = new JsonArray([.. Names(20_000)]) },
            // Two of these are alike, which comparing each with each would tell first.
            _ => JsonNode.Parse($$"""{"oneOf":[{{string.Join(',', Enumerable.Repeat("{}", 300))}}]}""")!,
        };
        Assert.EndsWith(message, Assert.IsType<SchemaException>(OnStackOf(1 << 20, () => Constraint(schema))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Properties_are_followed_where_the_stack_has_room_and_refused_where_it_has_not()
    {
        var schema = new JsonObject
        {
            ["properties"] = new JsonObject(Names(1990).Select(n => KeyValuePair.Create($"{n}", (JsonNode?)new JsonObject()))),
        };
        // How much room there is differs: a thread may be given the larger stack of one that has ended.
        Assert.True(OnStackOf(256 << 10, () => Constraint(schema)) is null or SchemaException);
        Assert.Null(OnStackOf(64 << 20, () => Constraint(schema)));
    }

    [Fact]
    public void Long_patterns_are_compared_where_two_places_in_a_text_may_be_the_same()
    {
        var pattern = $"^(b|{new string('a', 60_000)})$";
        var constraint = Constraint(new JsonObject
        {
            ["type"] = "array", ["items"] = new JsonObject { ["type"] = "string", ["pattern"] = pattern },
        });
        Assert.Null(OnStackOf(1 << 20, () => Take(constraint, """["b","b","b"]""")));
    }

    [Fact]
    public void A_token_that_takes_too_much_work_to_choose_is_refused_and_other_texts_go_on()
    {
        var schema = new JsonObject { ["type"] = "string", ["pattern"] = "^[a-z]*[aeiou][a-z]{0,2000}$" };
        var (far, other) = (Constraint(schema), Constraint(schema));
        Take(far, "\"" + new string('a', 400));

        Assert.Throws<SchemaException>(() => Apply(far));
        Apply(other);
        Take(other, "\"bab");
        Apply(other);
        Take(other, "\"");
        Take(far, "a\""); // nothing of what was broken off is remembered as wrong
    }

    [Fact]
    public void Many_texts_of_one_schema_leave_no_more_in_memory_than_some()
    {
        var schema = new JsonObject
        {
            ["type"] = "object", ["additionalProperties"] = false,
            ["properties"] = new JsonObject("abcdefgh".Select(n => KeyValuePair.Create($"{n}", JsonNode.Parse("""{"$ref":"#"}""")))),
        };
        var (random, before) = (new Random(1), GC.GetTotalMemory(forceFullCollection: true));
        for (var text = 0; text < 3000; text++) // each goes by places where none was before
        {
            var path = random.GetItems<char>("abcdefgh", 12);
            Take(Constraint(schema), $"{string.Concat(path.Select(n => $"{{\"{n}\":"))}{{}}{new string('}', path.Length)}");
        }
        var kept = (GC.GetTotalMemory(forceFullCollection: true) - before) >> 20;
        Assert.True(kept < 60, $"{kept} MB");
    }

    [Fact]
    public void Multiples_too_small_to_compute_with_are_refused()
    {
        var schema = JsonNode.Parse("""{"type":"number","multipleOf":1e-28}""")!;
        Assert.Equal("#/multipleOf: expected 1e-13 or more", Assert.Throws<SchemaException>(() => Constraint(schema)).Message);
    }

    private static IEnumerable<JsonNode> Names(int count) => Enumerable.Range(0, count).Select(i => (JsonNode)$"n{i}");

    private static JsonConstraint Constraint(JsonNode schema) => _constraints.Schema(JsonSerializer.SerializeToElement(schema));

    private static void Apply(JsonConstraint constraint) => constraint.Apply(new float[BlindDraws.Tokenizer.VocabularySize], [0], 5000);

    private static void Take(JsonConstraint constraint, string text)
    {
        foreach (var c in text) constraint.Accept(BlindDraws.Tokenizer.TokenToId($"{c}")!.Value);
    }

    private static Exception? OnStackOf(int size, Action action)
    {
        Exception? error = null;
        var thread = new Thread(() => error = Record.Exception(action), size);
        thread.Start();
        thread.Join();
        return error;
    }
}
