using System.Text.Json.Nodes;
using TransformerTorch.Text.Templates;

namespace TransformerTorch.Text.Tests;

/// <summary>Against Jinja in Transformers' environment: tests/fixtures/chat_templates/make.py says how the cases are made.</summary>
public sealed class ChatTemplateTests
{
    private static readonly string _folder = Path.Combine(AppContext.BaseDirectory, "fixtures", "chat_templates");
    private static readonly JsonNode _cases = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "cases.json")))!;
    private static readonly DateTimeOffset _now = new(2024, 7, 5, 14, 3, 9, TimeSpan.Zero);

    [Theory]
    [InlineData("expressions")]
    [InlineData("blocks")]
    public void Expressions_and_statements_render_as_the_reference_renders_them(string kind)
    {
        var failures = new List<string>();
        foreach (var item in _cases[kind]!.AsArray())
        {
            var options = new ChatTemplateOptions { Variables = Variables(_cases["values"]!), Now = _now };
            if (Difference(item!, item!["template"]!.GetValue<string>(), [], options) is { } difference)
                failures.Add(difference);
        }
        Assert.True(failures.Count == 0, $"{failures.Count} of {_cases[kind]!.AsArray().Count}:\n{string.Join('\n', failures)}");
    }

    [Fact]
    public void Templates_in_the_style_of_published_ones_render_chats_as_the_reference_renders_them()
    {
        var failures = new List<string>();
        foreach (var item in _cases["templates"]!.AsArray())
        {
            var name = item!["name"]!.GetValue<string>();
            var variables = Variables(_cases["base"]!);
            foreach (var (key, value) in _cases["options"]![item["option"]!.GetValue<int>()]!.AsObject())
                variables[key] = value;
            var options = new ChatTemplateOptions { Variables = variables, Now = _now };
            var messages = _cases["chats"]![item["chat"]!.GetValue<string>()]!.AsArray();
            if (Difference(item, File.ReadAllText(Path.Combine(_folder, "templates", name + ".jinja")), messages, options)
                is { } difference)
                failures.Add($"{name} {item["chat"]} {item["option"]}: {difference}");
        }
        Assert.True(failures.Count == 0,
            $"{failures.Count} of {_cases["templates"]!.AsArray().Count}:\n{string.Join('\n', failures.Take(40))}");
    }

    private static Dictionary<string, JsonNode?> Variables(JsonNode values) => values.AsObject()
        .ToDictionary(item => item.Key, item => item.Value);

    private static string? Difference(JsonNode item, string template, JsonArray messages, ChatTemplateOptions options)
    {
        var expected = item["text"]?.GetValue<string>();
        try
        {
            var made = ChatTemplate.Parse(template).Render(messages, options);
            if (expected is null)
                return $"{template}\n    rendered {made.Text}\n    but {item["error"]}: {item["message"]}";
            var spans = item["spans"]!.AsArray().Select(span => $"{span![0]}..{span[1]}");
            var own = made.Generations.Select(range =>
                $"{CodePoints(made.Text, range.Start.Value)}..{CodePoints(made.Text, range.End.Value)}");
            return made.Text == expected && own.SequenceEqual(spans) ? null
                : $"{template}\n    rendered {made.Text}\n    not      {expected}"
                + $"\n    {string.Join(' ', own)} | {string.Join(' ', spans)}";
        }
        catch (ChatTemplateException error)
        {
            if (expected is not null)
                return $"{template}\n    failed: {error.Message}\n    not {expected}";
            // Python's own errors are worded by its version; Jinja's and the template's
            // are held to the letter, and to the line where one is told.
            var kind = item["error"]!.GetValue<string>();
            var isHeld = kind is "TemplateError" or "UndefinedError" or "SecurityError";
            var isSame = !isHeld || (error.Kind == kind && error.Reason == item["message"]!.GetValue<string>());
            var line = item["line"]?.GetValue<int>();
            return isSame && error.Line > 0 && (line is null || kind != "TemplateSyntaxError" || line == error.Line) ? null
                : $"{template}\n    failed {error.Kind}: {error.Message}\n    not {kind} ({line}): {item["message"]}";
        }
    }

    private static int CodePoints(string text, int units) => text.AsSpan(0, units).EnumerateRunes() is var runes ? Count(runes) : 0;

    private static int Count(System.Text.SpanRuneEnumerator runes)
    {
        var count = 0;
        foreach (var _ in runes)
            count++;
        return count;
    }
}
