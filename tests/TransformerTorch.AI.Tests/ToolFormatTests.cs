using System.Globalization;
using System.Text.Json.Nodes;

namespace TransformerTorch.AI.Tests;

/// <summary>Truth: how published models write calls (Hermes and Qwen, Mistral, Llama 3.1).</summary>
public sealed class ToolFormatTests
{
    private static readonly JsonArray _tools = JsonNode.Parse(
        """[{"type":"function","function":{"name":"add","parameters":{"type":"object"}}}]""")!.AsArray();

    [Theory]
    [InlineData("<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>", "", 1)]
    [InlineData("Let me see.\n<tool_call>{\"name\":\"add\",\"arguments\":{\"a\":1}}</tool_call>"
        + "<tool_call>{\"name\":\"add\",\"arguments\":{\"a\":1}}</tool_call>",
        "Let me see.", 2)]
    [InlineData("[TOOL_CALLS] [{\"name\":\"add\",\"arguments\":{\"a\":1}}]", "", 1)]
    [InlineData("{\"name\": \"add\", \"parameters\": {\"a\": 1}}", "", 1)]
    [InlineData("{\"name\": \"other\", \"parameters\": {\"a\": 1}}", "{\"name\": \"other\", \"parameters\": {\"a\": 1}}", 0)]
    [InlineData("Just text {", "Just text {", 0)]
    public void Calls_are_found_as_each_family_writes_them(string answer, string text, int calls)
    {
        var (shown, found) = ToolFormat.Read(answer, _tools);

        Assert.Equal(text, shown);
        Assert.Equal(calls, found.Count);
        Assert.All(found, c => Assert.Equal(("add", "{\"a\":1}"), (c.Name, c.Arguments.ToJsonString())));
    }

    [Theory]
    [InlineData("<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1", "}}", "")]
    [InlineData("Let me see.\n<tool_call>{\"name\":\"add\",\"arguments\":{\"a\":1}", "}</tool_call><tool_call>{", "Let me see.")]
    [InlineData("<tool_call>{\"name\":\"no\"}</tool_call><tool_call>{\"name\":\"add\",\"arguments\":{\"a\":1", "}}", "")]
    [InlineData("[TOOL_CALLS] [{\"name\":\"add\",\"arguments\":{\"a\":1", "}}, {", "")]
    [InlineData(" {\"name\": \"add\", \"parameters\": {\"a\": 1}", "} and so", "")]
    public void The_first_call_is_found_as_soon_as_it_is_whole(string answer, string rest, string text)
    {
        Assert.Null(ToolFormat.ReadFirst(answer, _tools));
        var (shown, found) = ToolFormat.ReadFirst(answer + rest, _tools)!.Value;

        Assert.Equal(text, shown);
        Assert.Equal(("add", "{\"a\":1}"), (found.Single().Name, found.Single().Arguments.ToJsonString()));
    }

    [Theory]
    [InlineData("Say {\"name\":\"add\",\"arguments\":{}}")]
    [InlineData("{\"name\":\"other\",\"arguments\":{}}")]
    [InlineData("{name}")]
    [InlineData("No <tool_call> here, or {\"name\":\"add\",\"arguments\":{}}")]
    public void What_is_no_call_is_no_first_one_either(string answer) => Assert.Null(ToolFormat.ReadFirst(answer, _tools));

    [Theory]
    [InlineData("{\"name\":\"add\",\"name\":\"add\",\"arguments\":{}}")]
    [InlineData("{\"name\":\"add\",\"arguments\":{\"a\":1,\"a\":2}}")]
    [InlineData("{\"name\":\"\\ud800\",\"arguments\":{}}")]
    [InlineData("{\"name\":\"add\",\"arguments\":{\"a\":[\"\\ud800\"]}}")]
    [InlineData("<tool_call>{\"name\":\"add\",\"arguments\":{\"\\ud800\":1}}</tool_call>")]
    public void What_is_no_call_that_could_be_passed_on_is_text(string answer)
    {
        var (shown, found) = ToolFormat.Read(answer, _tools);

        Assert.Equal(answer, shown);
        Assert.Empty(found);
    }

    [Fact]
    public void References_within_parameters_lead_where_they_led_before()
    {
        var tools = JsonNode.Parse("""
            [{"function":{"name":"none"}},{"function":{"name":"tree","parameters":{"type":"object","$defs":{"n":{"type":"null"}},
            "properties":{"left":{"$ref":"#/$defs/n"},"right":{"$ref":"#"},"$ref":{"type":"string"}}}}}]
            """)!.AsArray();
        var whole = ToolFormat.Of("").Schema(tools, null);

        var properties = whole["anyOf"]![1]!["properties"]!["arguments"]!["properties"]!;
        Assert.Equal("null", $"{At(properties["left"]!)["type"]}");
        Assert.Same(properties, At(properties["right"]!)["properties"]);
        Assert.Equal("string", $"{properties["$ref"]!["type"]}");

        JsonNode At(JsonNode reference) => $"{reference["$ref"]}".Split('/').Skip(1).Aggregate((JsonNode)whole,
            (at, part) => at is JsonArray list ? list[int.Parse(part, CultureInfo.InvariantCulture)]! : at[part]!);
    }

    [Theory]
    [InlineData("Hello", 5)]
    [InlineData("Hello <tool", 6)]
    [InlineData("Hello <tool_call>{", 6)]
    [InlineData("{\"na", 0)]
    public void What_may_become_a_call_is_not_shown(string answer, int certain) => Assert.Equal(certain, ToolFormat.Certain(answer));
}
