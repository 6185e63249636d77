using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;
using TransformerTorch.Generation.Grammars;
using TransformerTorch.Tests.Support;

namespace TransformerTorch.Tests.Generation;

/// <summary>Truth: JsonSchema.Net, a validator of JSON schemas (2020-12). Tokens are drawn blindly among those that are allowed.</summary>
public sealed class SchemaValidityTests
{
    private static readonly JsonConstraints _constraints = BlindDraws.Constraints();

    [Theory]
    [InlineData("""{"type":"array","items":{"enum":["red","green","blue"]},"uniqueItems":true,"minItems":2}""")]
    [InlineData("""{"items":{"type":["boolean","null"]},"uniqueItems":true,"minItems":3}""")]
    [InlineData("""{"items":{"enum":[1,1.0,2,"1",[1],{"a":1}]},"uniqueItems":true,"minItems":5}""")]
    [InlineData("""{"items":{"type":"integer","maximum":99,"minimum":0},"contains":{"minimum":90},"minContains":2,"maxItems":4}""")]
    [InlineData("""{"type":"array","contains":{"const":"x"},"minItems":2,"maxItems":3}""")]
    [InlineData("""{"contains":{"type":"string"},"minContains":0,"maxItems":2}""")]
    [InlineData("""{"type":"string","not":{"enum":["a","ab","ä"]},"maxLength":2}""")]
    [InlineData("""{"type":"string","not":{"const":""},"maxLength":1}""")]
    [InlineData("""{"type":"integer","minimum":-1,"maximum":3,"not":{"enum":[0,2]}}""")]
    [InlineData("""{"enum":["a","b",1,2,null,true],"not":{"enum":["b",2,null]}}""")]
    [InlineData("""{"enum":["a","bcd",1,20],"maxLength":2,"minimum":10}""")]
    [InlineData("""{"not":{"type":["object","array","string","number"]}}""")]
    [InlineData("""{"type":"array","items":{"type":"integer"},"not":{"items":{"minimum":0}},"maxItems":3}""")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"null"}},"not":{"required":["a","b"]}}""")]
    [InlineData("""
        {"type":"object","properties":{"kind":{"enum":["card","cash"]},"number":{"type":"string","pattern":"^\\d{4}$"}},
        "required":["kind"],"additionalProperties":false,
        "if":{"properties":{"kind":{"const":"card"}},"required":["kind"]},"then":{"required":["number"]},
        "else":{"properties":{"number":false}}}
        """)]
    [InlineData("""
        {"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"boolean"}},"if":{"required":["a"]},"then":{"required":["b"]}}
        """)]
    [InlineData("""{"type":"integer","minimum":0,"maximum":50,"if":{"minimum":10},"then":{"multipleOf":5},"else":{"maximum":3}}""")]
    [InlineData("""
        {"$defs":{"leaf":{"type":"integer"}},"type":["integer","string"],"maxLength":3,"not":{"$ref":"#/$defs/leaf"}}
        """)]
    public void What_is_drawn_is_valid(string schema)
    {
        var constraint = JsonDocument.Parse(schema).RootElement;
        for (var seed = 0; seed < 25; seed++) AssertValid(schema, _constraints.Schema(constraint), new Random(seed));
    }

    [Fact]
    public void What_is_drawn_for_schemas_put_together_blindly_is_valid_where_they_can_be_followed()
    {
        var followed = 0;
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var schema = Made(random, depth: 3).ToJsonString();
            JsonConstraint constraint;
            try
            {
                constraint = _constraints.Schema(JsonDocument.Parse(schema).RootElement);
            }
            catch (SchemaException)
            {
                continue;
            }
            followed++;
            for (var draw = 0; draw < 3; draw++)
                AssertValid(schema, _constraints.Schema(JsonDocument.Parse(schema).RootElement), random);
        }
        Assert.InRange(followed, 150, 300);
    }

    private static void AssertValid(string schema, JsonConstraint constraint, Random random)
    {
        var text = BlindDraws.Draw(constraint, Math.Max(60, constraint.LeastTokens), random);
        using var value = JsonDocument.Parse(text);
        Assert.True(JsonSchema.FromText(schema).Evaluate(value.RootElement).IsValid, $"{schema}\n{text}");
    }

    private static JsonObject Made(Random random, int depth)
    {
        var schema = Plain(random, depth);
        if (depth == 0) return schema;
        switch (random.Next(7))
        {
            case 0: schema["not"] = Made(random, depth - 1); break;
            case 1:
                schema["if"] = Made(random, depth - 1);
                if (random.Next(3) > 0) schema["then"] = Made(random, depth - 1);
                if (random.Next(3) > 0) schema["else"] = Made(random, depth - 1);
                break;
            case 2: schema["anyOf"] = new JsonArray(Made(random, depth - 1), Made(random, depth - 1)); break;
            case 3: schema["allOf"] = new JsonArray(Made(random, depth - 1)); break;
            default: break;
        }
        return schema;
    }

    private static JsonObject Plain(Random random, int depth)
    {
        var schema = new JsonObject();
        switch (random.Next(depth == 0 ? 5 : 8))
        {
            case 0:
                JsonNode?[] values = ["a", "b", 1, 2, null, true, 3.5];
                schema["enum"] = new JsonArray([.. values.Where(_ => random.Next(2) == 0), "c"]);
                break;
            case 1: schema["const"] = random.Next(3); break;
            case 2:
                (schema["type"], schema["minimum"]) = (random.Next(2) == 0 ? "integer" : "number", random.Next(-3, 3));
                if (random.Next(2) == 0) schema["exclusiveMaximum"] = random.Next(3, 8);
                break;
            case 3:
                schema["type"] = "string";
                if (random.Next(2) == 0) schema["minLength"] = random.Next(3);
                if (random.Next(2) == 0) schema["maxLength"] = random.Next(2, 5);
                break;
            case 4: schema["type"] = new JsonArray("boolean", "null", "string"); break;
            case 5:
                schema["type"] = "array";
                if (random.Next(2) == 0) schema["items"] = Made(random, depth - 1);
                else if (random.Next(2) == 0) (schema["items"], schema["uniqueItems"]) = (new JsonObject { ["enum"] = Enum() }, true);
                if (random.Next(2) == 0) schema["contains"] = Made(random, depth - 1);
                if (random.Next(2) == 0) schema["minItems"] = random.Next(3);
                schema["maxItems"] = random.Next(2, 5);
                break;
            default:
                schema["type"] = "object";
                schema["properties"] = new JsonObject { ["a"] = Made(random, depth - 1), ["b"] = Made(random, depth - 1) };
                if (random.Next(2) == 0) schema["required"] = new JsonArray("a");
                if (random.Next(2) == 0) schema["additionalProperties"] = false;
                break;
        }
        return schema;

        static JsonArray Enum() => ["x", 1, null, true, "y"];
    }
}
