using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TransformerTorch.Generation.Grammars;
using TransformerTorch.Tests.Support;
using TransformerTorch.Text;

namespace TransformerTorch.Tests.Generation;

/// <summary>Truth: System.Text.Json, and what each schema says in words. Tokens are drawn blindly among those that are allowed.</summary>
public sealed class JsonConstraintTests
{
    private static readonly JsonConstraints _constraints = BlindDraws.Constraints();

    public static TheoryData<string, string> Schemas => new()
    {
        { """{"type":"object"}""", "object" },
        { "{}", "any" },
        { """{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a"]}""", "a and b" },
        { """{"type":"array","items":{"type":"integer","minimum":-12,"maximum":345},"minItems":2,"maxItems":4}""", "integers" },
        { """{"type":"number","exclusiveMinimum":0.5,"maximum":0.75}""", "number" },
        { """{"type":"integer","multipleOf":7,"minimum":100,"maximum":120}""", "sevens" },
        { """{"type":"string","minLength":3,"maxLength":5}""", "short" },
        { """{"enum":["ä","b",3,null,{"x":[1,2]}]}""", "enum" },
        {
            """
            {"$ref":"#/$defs/node","$defs":{"node":{"type":"object","additionalProperties":false,"required":["v","next"],
            "properties":{"v":{"type":"boolean"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}}}}}
            """,
            "node"
        },
        { """{"type":"object","additionalProperties":{"type":"integer"},"minProperties":1,"maxProperties":2}""", "map" },
        { """{"type":"string","pattern":"^[A-ZÄ]{2}-\\d+(x|yy)?$"}""", "plate" },
        { """{"type":"string","pattern":"b\\Wd"}""", "b d" },
        {
            """
            {"prefixItems":[{"type":"integer","minimum":-99,"maximum":9},{"type":"string","maxLength":3}],
            "items":{"type":"null"},"minItems":1,"maxItems":4}
            """,
            "tuple"
        },
        {
            """
            {"type":"object","properties":{"v":{"type":"integer"},"w":{"type":"integer"}},"additionalProperties":false,
            "anyOf":[{"required":["v"]},{"required":["w"]}],"allOf":[{"properties":{"v":{"minimum":3}}},{"$ref":"#/$defs/small"}],
            "$defs":{"small":{"properties":{"v":{"maximum":5},"w":{"enum":[-1,1,"x"]}}}}}
            """,
            "both"
        },
        {
            """
            {"oneOf":[{"type":"object","properties":{"is":{"const":"a"},"n":{"type":"null"}},"required":["is","n"]},
            {"type":"object","properties":{"is":{"const":"b"},"next":{"$ref":"#"}},"required":["is"]},{"type":"boolean"}]}
            """,
            "one"
        },
    };

    [Theory]
    [MemberData(nameof(Schemas))]
    public void What_is_drawn_blindly_parses_satisfies_the_schema_and_ends_in_time(string schema, string kind)
    {
        for (var seed = 0; seed < 30; seed++)
        {
            var most = 40 + (seed * 3);
            var text = BlindDraws.Draw(_constraints.Schema(JsonDocument.Parse(schema).RootElement), most, new Random(seed));

            var value = JsonNode.Parse(text);
            Assert.True(Satisfies(kind, value), $"{kind}: {text}");
        }
    }

    [Theory]
    [InlineData("""{"type":"string","pattern":"a(?=b)"}""", "#/pattern: '(?' is not supported here")]
    [InlineData("""{"type":"string","pattern":"(a"}""", "#/pattern: a ( without its )")]
    [InlineData("""{"type":"string","pattern":"a","maxLength":3}""",
        "#: 'minLength' and 'maxLength' are not supported beside 'pattern', which can count")]
    [InlineData("""{"oneOf":[{"type":"integer"},{"type":"number","minimum":3}]}""",
        "#/oneOf: a value may fit both 0 and 1; what each requires must tell them apart")]
    [InlineData("""{"allOf":[{"type":"integer"},{"type":"string"}]}""", "nothing satisfies this schema")]
    [InlineData("""{"enum":["a",[]],"maxLength":1}""", "#: 'maxLength' is not supported beside a listed object or list")]
    [InlineData("""{"properties":{"a":{"not":{"pattern":"x"}}}}""", "#/properties/a/not: 'pattern' is not supported within 'not' or 'if'")]
    [InlineData("""{"contains":{"const":1},"maxContains":2}""",
        "#: 'maxContains' is not supported: say with 'items' what all of them are")]
    [InlineData("""{"items":{"type":"string"},"uniqueItems":true}""",
        "#/items: 'uniqueItems' is supported where the items are listed values ('enum', 'const')")]
    [InlineData("""{"items":{"enum":[1,2]},"uniqueItems":true,"minItems":3}""", "nothing satisfies this schema")]
    [InlineData("""{"not":{}}""", "nothing satisfies this schema")]
    [InlineData("""{"not":{"$ref":"#"}}""", "nothing satisfies this schema")]
    [InlineData("""{"not":{"const":1e40}}""", "#/not: 1e40 is too large a number")]
    [InlineData("""{"$ref":"#/nowhere"}""", "#: '$ref' to '#/nowhere', which is not there")]
    [InlineData("""{"$ref":"#"}""", "nothing satisfies this schema")]
    [InlineData("""{"type":"integer","minimum":5,"maximum":4}""", "nothing satisfies this schema")]
    [InlineData("""{"type":"array","items":{"type":"strnig"},"minItems":1}""", "#/items: unknown type 'strnig'")]
    [InlineData("""{"type":"object","required":["a"],"additionalProperties":false}""", "#: 'a' is required and not allowed")]
    public void What_cannot_be_followed_is_refused_by_name(string schema, string message)
    {
        var error = Assert.Throws<SchemaException>(() => _constraints.Schema(JsonDocument.Parse(schema).RootElement));
        Assert.Equal(message, error.Message);
    }

    [Fact]
    public void A_vocabulary_that_cannot_write_all_of_JSON_is_refused()
    {
        var constraints = new JsonConstraints(() => new TokenTrie(BlindDraws.Tokenizer, BlindDraws.Tokenizer.TokenToId("}")!.Value));
        var error = Assert.Throws<SchemaException>(() => constraints.OneOf(JsonForm.AnyObject));
        Assert.Matches("^no token of this model is '.' alone, without which JSON may come to no end$", error.Message);
    }

    [Fact]
    public void A_schema_that_asks_for_a_great_deal_says_how_much_and_costs_little()
    {
        var million = """{"type":"array","items":{"type":"string","minLength":100},"minItems":1000000}""";
        var constraint = _constraints.Schema(JsonDocument.Parse(million).RootElement);
        Assert.True(constraint.LeastTokens > 100_000_000);
        Assert.False(constraint.Accept(BlindDraws.Tokenizer.TokenToId("[")!.Value)); // what is left is told without counting to a million

        // Each level doubles what the one before offers: 2^40 ways, were they written out.
        var bomb = """{"$ref":"#/$defs/d40","$defs":{"d0":{"type":"null"}"""
            + string.Concat(Enumerable.Range(0, 40)
                .Select(i => $$""","d{{i + 1}}":{"anyOf":[{"$ref":"#/$defs/d{{i}}"},{"$ref":"#/$defs/d{{i}}"}]}"""))
            + "}}";
        Assert.Throws<SchemaException>(() => _constraints.Schema(JsonDocument.Parse(bomb).RootElement));
        var wide = $$"""{"enum":[{{string.Join(",", Enumerable.Range(0, 10_000))}}]}""";
        Assert.Throws<SchemaException>(() => _constraints.Schema(JsonDocument.Parse(wide).RootElement));
    }

    private static bool Satisfies(string kind, JsonNode? value) => kind switch
    {
        "any" => true,
        "object" => value is JsonObject,
        "a and b" => value is JsonObject o && o["a"]!.GetValue<long>() is var _ && o["b"]?.GetValue<string>() is var _
            && o.All(m => m.Key is "a" or "b"),
        "integers" => value is JsonArray { Count: >= 2 and <= 4 } list && list.All(i => i!.GetValue<int>() is >= -12 and <= 345),
        "number" => value!.GetValue<double>() is > 0.5 and <= 0.75,
        "sevens" => value!.GetValue<int>() is 105 or 112 or 119,
        "short" => value!.GetValue<string>().EnumerateRunes().Count() is >= 3 and <= 5,
        "enum" => value?.ToJsonString() is null or "\"\\u00E4\"" or "\"b\"" or "3" or """{"x":[1,2]}""",
        "node" => value is null || (value["v"]!.GetValue<bool>() is var _ && Satisfies(kind, value["next"])),
        "plate" => Regex.IsMatch(value!.GetValue<string>(), "^[A-ZÄ]{2}-[0-9]+(x|yy)?$"),
        // Schemas count characters, .NET's expressions halves of them.
        "b d" => Regex.IsMatch(value!.GetValue<string>(), @"b(?:[\uD800-\uDBFF][\uDC00-\uDFFF]|\W)d", RegexOptions.ECMAScript),
        "tuple" => value is JsonArray { Count: >= 1 and <= 4 } tuple && tuple[0]!.GetValue<int>() <= 9
            && (tuple.Count < 2 || tuple[1]!.GetValue<string>().EnumerateRunes().Count() <= 3) && tuple.Skip(2).All(i => i is null),
        "both" => value is JsonObject { Count: 1 or 2 } o && o.All(m => m.Key is "v" or "w")
            && o["v"]?.GetValue<int>() is null or (>= 3 and <= 5) && o["w"]?.GetValue<int>() is null or -1 or 1,
        "one" => value is JsonValue flag ? flag.GetValue<bool>() is var _ : value!["is"]!.GetValue<string>() == "a"
            ? value is JsonObject { Count: 2 } && value["n"] is null
            : value["is"]!.GetValue<string>() == "b" && (value["next"] is not { } next || Satisfies(kind, next)),
        "map" => value is JsonObject { Count: >= 1 and <= 2 } map && map.All(m => m.Value!.GetValue<long>() is var _),
        _ => false,
    };
}
