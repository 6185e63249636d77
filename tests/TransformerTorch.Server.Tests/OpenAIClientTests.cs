using System.ClientModel;
using System.Text.Json;
using System.Text.Json.Nodes;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Embeddings;

namespace TransformerTorch.Server.Tests;

/// <summary>Truth: the official OpenAI client for .NET, against the running server.</summary>
public sealed class OpenAIClientTests(RunningServer server) : IClassFixture<RunningServer>
{
    private readonly OpenAIClient _client = new(new ApiKeyCredential(RunningServer.Key), new OpenAIClientOptions
    {
        Endpoint = new Uri(server.Address, "/v1"), RetryPolicy = new System.ClientModel.Primitives.ClientRetryPolicy(0),
    });

    private ChatClient Chat => _client.GetChatClient("small");

    private static ChatCompletionOptions Greedy => new() { Temperature = 0, MaxOutputTokenCount = 10 };

    [Fact]
    public async Task A_chat_is_answered_with_usage_and_finish_reason()
    {
        ChatCompletion answer = await Chat.CompleteChatAsync([new SystemChatMessage("Be brief."), new UserChatMessage("Hello")], Greedy);

        Assert.NotEmpty(answer.Content[0].Text);
        Assert.Equal(ChatFinishReason.Length, answer.FinishReason);
        Assert.Equal(10, answer.Usage.OutputTokenCount);
        Assert.Equal(answer.Usage.InputTokenCount + 10, answer.Usage.TotalTokenCount);
        Assert.Equal("small", answer.Model);
    }

    [Fact]
    public async Task A_stream_joined_is_the_whole_answer_and_ends_with_usage()
    {
        ChatCompletion whole = await Chat.CompleteChatAsync([new UserChatMessage("Hello")], Greedy);
        var (text, usage, finish) = ("", (ChatTokenUsage?)null, (ChatFinishReason?)null);
        await foreach (var update in Chat.CompleteChatStreamingAsync([new UserChatMessage("Hello")], Greedy))
        {
            text += string.Concat(update.ContentUpdate.Select(c => c.Text));
            (usage, finish) = (update.Usage ?? usage, update.FinishReason ?? finish);
        }

        Assert.Equal(whole.Content[0].Text, text);
        Assert.Equal(10, usage!.OutputTokenCount);
        Assert.Equal(ChatFinishReason.Length, finish);
    }

    [Fact]
    public async Task Usage_tells_how_much_of_a_prompt_was_held_already()
    {
        ChatMessage[] chat = [new UserChatMessage("Nobody else asks for this: " + string.Join(' ', Enumerable.Range(100, 60)))];
        ChatCompletion first = await Chat.CompleteChatAsync(chat, Greedy);
        ChatCompletion again = await Chat.CompleteChatAsync(chat, Greedy);
        var streamed = (await Chat.CompleteChatStreamingAsync(chat, Greedy).ToListAsync()).Select(u => u.Usage).OfType<ChatTokenUsage>();

        Assert.Equal(0, first.Usage.InputTokenDetails.CachedTokenCount);
        Assert.InRange(again.Usage.InputTokenDetails.CachedTokenCount, 60, again.Usage.InputTokenCount - 1);
        Assert.Equal(again.Usage.InputTokenDetails.CachedTokenCount, streamed.Single().InputTokenDetails.CachedTokenCount);
    }

    [Fact]
    public async Task Probabilities_come_with_each_token()
    {
        var options = Greedy;
        (options.IncludeLogProbabilities, options.TopLogProbabilityCount) = (true, 3);
        ChatCompletion answer = await Chat.CompleteChatAsync([new UserChatMessage("Hello")], options);

        Assert.Equal(10, answer.ContentTokenLogProbabilities.Count);
        Assert.All(answer.ContentTokenLogProbabilities, t =>
        {
            Assert.True(t.LogProbability <= 0);
            Assert.Equal(t.Token, t.TopLogProbabilities[0].Token); // greedy
            Assert.Equal(3, t.TopLogProbabilities.Count);
        });
    }

    [Fact]
    public async Task A_function_that_must_be_called_is_called_and_its_result_is_read()
    {
        var tool = ChatTool.CreateFunctionTool("get_weather", "The weather", BinaryData.FromString(
            """{"type":"object","properties":{"city":{"type":"string","maxLength":20}},"required":["city"]}"""));
        var options = new ChatCompletionOptions
        {
            Tools = { tool }, ToolChoice = ChatToolChoice.CreateFunctionChoice("get_weather"), MaxOutputTokenCount = 120, Temperature = 0,
        };
        ChatCompletion answer = await Chat.CompleteChatAsync([new UserChatMessage("Weather in Rome?")], options);

        Assert.Equal(ChatFinishReason.ToolCalls, answer.FinishReason);
        var call = answer.ToolCalls.Single();
        Assert.Equal("get_weather", call.FunctionName);
        Assert.NotNull(JsonNode.Parse(call.FunctionArguments)!["city"]!.GetValue<string>());

        ChatCompletion next = await Chat.CompleteChatAsync(
            [new UserChatMessage("Weather in Rome?"), new AssistantChatMessage(answer), new ToolChatMessage(call.Id, "sunny")], Greedy);
        Assert.NotEmpty(next.Content[0].Text);
    }

    [Fact]
    public async Task A_function_is_called_in_a_stream_too()
    {
        var options = new ChatCompletionOptions
        {
            Tools = { ChatTool.CreateFunctionTool("now") }, ToolChoice = ChatToolChoice.CreateRequiredChoice(), MaxOutputTokenCount = 120,
        };
        var (name, arguments) = ("", "");
        await foreach (var update in Chat.CompleteChatStreamingAsync([new UserChatMessage("Time?")], options))
            foreach (var call in update.ToolCallUpdates)
                (name, arguments) = (name + call.FunctionName, arguments + call.FunctionArgumentsUpdate);

        Assert.Equal("now", name);
        Assert.IsType<JsonObject>(JsonNode.Parse(arguments));
    }

    [Fact]
    public async Task An_answer_by_schema_is_one()
    {
        var schema = BinaryData.FromString(
            """{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"],"additionalProperties":false}""");
        var options = new ChatCompletionOptions
        {
            ResponseFormat = ChatResponseFormat.CreateJsonSchemaFormat("answer", schema, jsonSchemaIsStrict: true),
            MaxOutputTokenCount = 40,
        };
        ChatCompletion answer = await Chat.CompleteChatAsync([new UserChatMessage("Ok?")], options);

        var kind = JsonNode.Parse(answer.Content[0].Text)!["ok"]!.GetValueKind();
        Assert.True(kind is JsonValueKind.True or JsonValueKind.False);
        Assert.Equal(ChatFinishReason.Stop, answer.FinishReason);
    }

    [Fact]
    public async Task Embeddings_come_in_order_in_any_number_of_dimensions()
    {
        var client = _client.GetEmbeddingClient("sentences");
        OpenAIEmbeddingCollection both = await client.GenerateEmbeddingsAsync(["a cat", "a dog"]);
        OpenAIEmbedding one = await client.GenerateEmbeddingAsync("a dog");
        OpenAIEmbedding few = await client.GenerateEmbeddingAsync("a dog", new EmbeddingGenerationOptions { Dimensions = 4 });

        Assert.Equal(one.ToFloats().ToArray(), both[1].ToFloats().ToArray(), (a, b) => Math.Abs(a - b) < 1e-5);
        Assert.Equal(4, few.ToFloats().Length);
        Assert.True(both.Usage.TotalTokenCount > 2);
    }

    [Fact]
    public async Task Models_are_listed()
    {
        var models = await _client.GetOpenAIModelClient().GetModelsAsync();
        Assert.Equal(["small", "sentences"], models.Value.Select(m => m.Id));
        Assert.Equal("small", (await _client.GetOpenAIModelClient().GetModelAsync("small")).Value.Id);
    }

    [Fact]
    public async Task Errors_arrive_as_the_clients_own()
    {
        var unknown = await Assert.ThrowsAsync<ClientResultException>(
            () => _client.GetChatClient("gpt-9").CompleteChatAsync([new UserChatMessage("x")]));
        Assert.Equal(404, unknown.Status);
        Assert.Contains("the model 'gpt-9' is not served here", unknown.Message, StringComparison.Ordinal);

        var options = new OpenAIClientOptions { Endpoint = new Uri(server.Address, "/v1") };
        var stranger = new ChatClient("small", new ApiKeyCredential("wrong"), options);
        var refused = await Assert.ThrowsAsync<ClientResultException>(() => stranger.CompleteChatAsync([new UserChatMessage("x")]));
        Assert.Equal(401, refused.Status);

        var longer = string.Join(' ', Enumerable.Repeat("word", 2000));
        var filled = await Assert.ThrowsAsync<ClientResultException>(() => Chat.CompleteChatAsync([new UserChatMessage(longer)]));
        Assert.Equal(400, filled.Status);
        Assert.Contains("context", filled.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelling_a_stream_frees_what_it_held()
    {
        using var cancel = new CancellationTokenSource();
        var options = new ChatCompletionOptions { MaxOutputTokenCount = 450, Temperature = 0 };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var update in Chat.CompleteChatStreamingAsync([new UserChatMessage("Long")], options, cancel.Token))
                await cancel.CancelAsync();
        });

        for (var i = 0; i < 250 && server.Chat.Engine!.Statistics.Running > 0; i++) await Task.Delay(20);
        Assert.Equal(server.Chat.Engine!.Statistics.Pages, server.Chat.Engine.Statistics.FreePages);
    }
}
