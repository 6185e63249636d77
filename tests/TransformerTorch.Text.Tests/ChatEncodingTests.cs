using System.Text.Json.Nodes;
using TransformerTorch.Text.Templates;

namespace TransformerTorch.Text.Tests;

/// <summary>Against Transformers' apply_chat_template: tests/fixtures/chat_templates/make.py says how the cases are made.</summary>
public sealed class ChatEncodingTests : IDisposable
{
    private const string Terse = "{% for m in messages %}{{ bos_token ~ m.content ~ eos_token }}{% endfor %}";
    private static readonly string _fixtures = Path.Combine(AppContext.BaseDirectory, "fixtures", "chat_templates");
    private static readonly JsonNode _cases = JsonNode.Parse(File.ReadAllText(Path.Combine(_fixtures, "cases.json")))!;
    private readonly string _folder = Directory.CreateTempSubdirectory("chat-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama2")]
    [InlineData("bert-uncased")]
    public void Chats_have_the_ids_and_assistant_masks_of_the_reference(string name)
    {
        var tokenizer = Load(name);
        var cases = _cases["encodings"]!.AsArray().Where(item => item!["tokenizer"]!.GetValue<string>() == name).ToList();

        var failures = cases.Select(item => Difference(tokenizer, item!)).OfType<string>().ToList();

        Assert.True(cases.Count > 80, $"{cases.Count} cases");
        Assert.True(failures.Count == 0, $"{failures.Count} of {cases.Count} differ:\n{string.Join('\n', failures.Take(10))}");
    }

    [Fact]
    public void The_beginning_is_marked_by_the_template_alone()
    {
        var tokenizer = Load("llama2", Terse);

        Assert.Equal(tokenizer.TokenToId("<s>"), tokenizer.Encode("a").Ids[0]); // what the tokenizer would add
        var ids = tokenizer.ApplyChatTemplate([new ChatMessage("user", "a")]).Ids;

        Assert.Equal(1, ids.Count(id => id == tokenizer.TokenToId("<s>")));
        Assert.Equal(tokenizer.TokenToId("</s>"), ids[^1]);
    }

    [Fact]
    public void A_template_for_tools_is_taken_where_there_are_tools()
    {
        var tokenizer = Load("gpt2", "plain");
        File.WriteAllText(Path.Combine(_folder, "additional_chat_templates", "tool_use.jinja"), "{{ tools[0].name }}");
        tokenizer = Tokenizer.FromPretrained(_folder);

        Assert.Equal("plain", tokenizer.ApplyChatTemplate([new ChatMessage("user", "a")]).Chat.Text);
        var options = new ChatTemplateOptions { Tools = [new JsonObject { ["name"] = "weather" }] };
        Assert.Equal("weather", tokenizer.ApplyChatTemplate([new ChatMessage("user", "a")], options).Chat.Text);
        Assert.Equal("plain", tokenizer.ApplyChatTemplate(new JsonArray(), options with { Template = "default" }).Chat.Text);
        Assert.Equal("own", tokenizer.ApplyChatTemplate(new JsonArray(), options with { Template = "own" }).Chat.Text);
    }

    [Fact]
    public void Without_a_template_the_error_says_where_one_can_be_given()
    {
        var error = Assert.Throws<ChatTemplateException>(() => Fixture.Tokenizer("gpt2").ApplyChatTemplate([new ChatMessage("user", "a")]));

        Assert.Contains("ChatTemplateOptions.Template", error.Message);
    }

    [Fact]
    public void A_message_cannot_both_go_on_and_be_followed()
    {
        var options = new ChatTemplateOptions { AddGenerationPrompt = true, ContinueFinalMessage = "content" };

        Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse(Terse).Render([new ChatMessage("user", "a")], options));
    }

    private static string? Difference(Tokenizer tokenizer, JsonNode item)
    {
        var (name, open) = (item["name"]!.GetValue<string>(), item["open"]?.GetValue<string>());
        var options = open is not null ? new JsonObject() : _cases["options"]![item["option"]!.GetValue<int>()]!.AsObject();
        var messages = open is not null ? _cases["open"]![open]! : _cases["chats"]![item["chat"]!.GetValue<string>()]!;
        var label = $"{name}, {open ?? item["chat"]!.GetValue<string>()}";
        try
        {
            var made = tokenizer.ApplyChatTemplate(messages.AsArray(), new ChatTemplateOptions
            {
                Template = name,
                Tools = options["tools"]?.AsArray(),
                AddGenerationPrompt = options["add_generation_prompt"]?.GetValue<bool>() ?? false,
                ContinueFinalMessage = item["member"]?.GetValue<string>(),
                Variables = options.Where(option => option.Key is not ("tools" or "add_generation_prompt")).ToDictionary(),
                Now = new DateTimeOffset(2024, 7, 5, 14, 3, 9, TimeSpan.Zero),
            });
            if (item["ids"]?.GetValue<string>() is not { } ids)
                return $"{label}: rendered {made.Chat.Text}, but the reference refuses: {item["error"]}";
            if (string.Join(' ', made.Ids) != ids)
                return $"{label}: {made.Chat.Text}\n  ids {string.Join(' ', made.Ids)}\n  not {ids}";
            int[] expected = [.. item["assistant"]!.AsArray().Select(edge => edge!.GetValue<int>())];
            int[] mask = [0, .. made.AssistantMask, 0];
            int[] edges = [.. Enumerable.Range(0, mask.Length - 1).Where(i => mask[i] != mask[i + 1])];
            return open is not null || edges.SequenceEqual(expected)
                ? null : $"{label}: assistant at {string.Join(' ', edges)}, not {string.Join(' ', expected)}";
        }
        catch (ChatTemplateException error)
        {
            return item["error"] is not null ? null : $"{label}: {error.Message}";
        }
    }

    private Tokenizer Load(string name, string? template = null)
    {
        File.Copy(Path.Combine(Fixture.Path(name), "tokenizer.json"), Path.Combine(_folder, "tokenizer.json"));
        var others = Directory.CreateDirectory(Path.Combine(_folder, "additional_chat_templates")).FullName;
        foreach (var file in Directory.GetFiles(Path.Combine(_fixtures, "templates")))
            File.Copy(file, Path.Combine(others, Path.GetFileName(file)));
        File.WriteAllText(Path.Combine(_folder, "tokenizer_config.json"), _cases["base"]!.ToJsonString());
        if (template is not null)
            File.WriteAllText(Path.Combine(_folder, "chat_template.jinja"), template);
        return Tokenizer.FromPretrained(_folder);
    }
}
