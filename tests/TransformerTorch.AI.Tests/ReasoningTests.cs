using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using TransformerTorch.AI.Tests.Support;

namespace TransformerTorch.AI.Tests;

/// <summary>Models that think first. Truth: Microsoft.Extensions.AI's contract, and the prompts of Qwen3 and DeepSeek-R1.</summary>
public sealed class ReasoningTests
{
    private const string Says = "Add them.\n</think>\n\nThree.", Closed = "<user>x<assistant><think>\n\n</think>\n\n";
    private static readonly ChatMessage[] _asked = [new(ChatRole.User, "x")];

    [Theory]
    [InlineData(SmallModel.Thinking, "<think>\n" + Says, "<user>x<assistant>")]
    [InlineData(SmallModel.AlwaysThinking, Says, "<user>x<assistant><think>\n")]
    public async Task What_is_thought_comes_apart_from_what_is_said(string template, string says, string prompt)
    {
        using var folder = new SmallModel(template: template).Saying(says);
        await using var source = new ModelSource(new ModelOptions { Model = folder.Root });
        using var client = new TransformerChatClient(source);
        var updates = await client.GetStreamingResponseAsync(_asked).ToListAsync();
        var whole = await client.GetResponseAsync(_asked);

        Assert.Equal(("Add them.", "Three.", ChatFinishReason.Stop), (Thought(whole), whole.Text, whole.FinishReason));
        Assert.Equal(("Add them.", "Three."), (string.Concat(updates.SelectMany(u => u.Contents).OfType<TextReasoningContent>()),
            string.Concat(updates.Select(u => u.Text))));
        Assert.True(updates.Count(u => u.Contents is [TextReasoningContent]) > 1);
        var usage = whole.Usage!;
        var thought = Count(source, says[..(says.Length - "\n\nThree.".Length)]);
        Assert.Equal(Count(source, prompt), usage.InputTokenCount);
        Assert.InRange(usage.ReasoningTokenCount!.Value, thought - 1, thought + 1);
        Assert.True(usage.OutputTokenCount > usage.ReasoningTokenCount);

        var hidden = await client.GetResponseAsync(_asked, new ChatOptions { Reasoning = new() { Output = ReasoningOutput.None } });
        Assert.Equal(("", "Three."), (Thought(hidden), hidden.Text));
        ChatMessage[] next = [.. _asked, .. whole.Messages, .. _asked];
        var after = $"<user>x<assistant><think>Add them.</think>Three.{prompt}";
        Assert.Equal(Count(source, after), (await client.GetResponseAsync(next)).Usage!.InputTokenCount);
    }

    [Theory]
    [InlineData(SmallModel.Thinking)]
    [InlineData(SmallModel.AlwaysThinking)]
    public async Task Where_thinking_is_off_or_the_answer_has_a_form_the_prompt_closes_the_thought(string template)
    {
        using var folder = new SmallModel(template: template).Saying("Three.");
        await using var source = new ModelSource(new ModelOptions { Model = folder.Root });
        using var client = new TransformerChatClient(source);
        ChatOptions Told(string name) => new()
        {
            AdditionalProperties = new() { ["chat_template_kwargs"] = new Dictionary<string, object> { [name] = false } },
        };
        ChatOptions[] off = [new() { Reasoning = new() { Effort = ReasoningEffort.None } }, Told("enable_thinking"), Told("thinking")];
        foreach (var options in off)
        {
            var response = await client.GetResponseAsync(_asked, options);
            Assert.Equal(("", "Three."), (Thought(response), response.Text));
            Assert.Equal((Count(source, Closed), 0), (response.Usage!.InputTokenCount, response.Usage.ReasoningTokenCount));
        }
        var form = new ChatOptions
        {
            ResponseFormat = ChatResponseFormat.ForJsonSchema(JsonDocument.Parse("""{"const":3}""").RootElement),
            Reasoning = new() { Effort = ReasoningEffort.High },
        };
        var formed = await client.GetResponseAsync(_asked, form);
        Assert.Equal(3, JsonNode.Parse(formed.Text)!.GetValue<int>());
        Assert.Equal(Count(source, Closed), formed.Usage!.InputTokenCount);
    }

    [Theory]
    [InlineData("qwen3", "<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n")]
    [InlineData("deepseek_r1", "<｜User｜>x<｜Assistant｜>")]
    public async Task Published_templates_are_told_so(string name, string prompt)
    {
        var template = await File.ReadAllTextAsync(Path.Combine(SmallModel.Fixtures, "chat_templates", "templates", $"{name}.jinja"));
        using var folder = new SmallModel(template: template).Saying("Three.");
        await using var source = new ModelSource(new ModelOptions { Model = folder.Root });
        using var client = new TransformerChatClient(source);

        var response = await client.GetResponseAsync(_asked, new ChatOptions { Reasoning = new() { Effort = ReasoningEffort.None } });

        Assert.Equal(("Three.", Count(source, prompt + "<think>\n\n</think>\n\n")), (response.Text, response.Usage!.InputTokenCount));
    }

    [Fact]
    public async Task How_much_is_to_be_thought_reaches_the_template()
    {
        using var folder = new SmallModel(template: "{{ reasoning_effort | default('as usual') }}").Saying("Three.");
        await using var source = new ModelSource(new ModelOptions { Model = folder.Root });
        using var client = new TransformerChatClient(source);

        foreach (var (effort, word) in new[] { (ReasoningEffort.High, "high"), (ReasoningEffort.ExtraHigh, "xhigh") })
        {
            var response = await client.GetResponseAsync(_asked, new ChatOptions { Reasoning = new() { Effort = effort } });
            Assert.Equal(Count(source, word), response.Usage!.InputTokenCount);
        }
        Assert.Equal(Count(source, "as usual"), (await client.GetResponseAsync(_asked)).Usage!.InputTokenCount);
    }

    [Fact]
    public async Task A_turn_that_came_no_further_than_its_thought_stays_one()
    {
        using var folder = new SmallModel(template: SmallModel.AlwaysThinking).Saying(Says);
        await using var source = new ModelSource(new ModelOptions { Model = folder.Root });
        using var client = new TransformerChatClient(source);

        var broken = await client.GetResponseAsync(_asked, new ChatOptions { MaxOutputTokens = 2 });
        ChatMessage[] next = [.. _asked, .. broken.Messages, .. _asked];
        var prompt = $"<user>x<assistant><think>{Thought(broken)}</think><user>x<assistant><think>\n";

        Assert.Equal((true, ""), (Thought(broken).Length > 0, broken.Text));
        Assert.Equal(Count(source, prompt), (await client.GetResponseAsync(next)).Usage!.InputTokenCount);
    }

    [Fact]
    public async Task A_call_within_a_thought_is_none_and_one_after_it_is_one()
    {
        const string call = "<tool_call>\n{\"name\": \"add\", \"arguments\": {}}\n</tool_call>";
        using var folder = new SmallModel(template: SmallModel.Thinking).Saying($"<think>\nPerhaps {call}\n</think>\n\nSo: {call}");
        await using var source = new ModelSource(new ModelOptions { Model = folder.Root });
        using var client = new TransformerChatClient(source);
        var options = new ChatOptions { Tools = [AIFunctionFactory.Create(() => 3, "add")], AllowMultipleToolCalls = false };
        var response = await client.GetResponseAsync(_asked, options);

        Assert.Equal(($"Perhaps {call}", "So:"), (Thought(response), response.Text.TrimEnd()));
        Assert.Single(response.Messages.SelectMany(m => m.Contents).OfType<FunctionCallContent>());
    }

    [Fact]
    public async Task Marks_of_a_model_that_has_none_are_text()
    {
        using var folder = new SmallModel().Saying("<think>One</think>Two");
        await using var source = new ModelSource(new ModelOptions { Model = folder.Root });
        using var client = new TransformerChatClient(source);

        var response = await client.GetResponseAsync(_asked, new ChatOptions { Reasoning = new() { Effort = ReasoningEffort.None } });

        Assert.Equal(("<think>One</think>Two", ""), (response.Text, Thought(response)));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{\"messages\":[]}")]
    public async Task Variables_that_are_not_to_be_set_are_refused(string variables)
    {
        using var folder = new SmallModel();
        await using var source = new ModelSource(new ModelOptions { Model = folder.Root });
        using var client = new TransformerChatClient(source);
        var options = new ChatOptions { AdditionalProperties = new() { ["chat_template_kwargs"] = JsonNode.Parse(variables) } };

        var error = await Assert.ThrowsAsync<ArgumentException>(() => client.GetResponseAsync(_asked, options));
        Assert.StartsWith("chat_template_kwargs: ", error.Message, StringComparison.Ordinal);
    }

    private static string Thought(ChatResponse response)
        => string.Concat(response.Messages.SelectMany(m => m.Contents).OfType<TextReasoningContent>().Select(t => t.Text));

    private static int Count(ModelSource source, string text) => source.Ready!.Tokenizer.Encode(text, addSpecialTokens: false).Ids.Length;
}
