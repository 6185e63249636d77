using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using TransformerTorch.AI.Tests.Support;
using TransformerTorch.Checkpoints;
using TransformerTorch.Checkpoints.Adapters;
using TransformerTorch.Generation;
using TransformerTorch.Layers;
using TransformerTorch.Models;

namespace TransformerTorch.AI.Tests;

/// <summary>One loaded model for all tests of a class.</summary>
public sealed class LoadedModel : IAsyncLifetime
{
    public SmallModel Folder { get; } = new();

    public ServedModel Model { get; private set; } = null!;

    public TransformerChatClient Client { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Model = await ServedModel.LoadAsync(Folder.Root);
        Client = new TransformerChatClient(new ModelSource(Model));
    }

    public async Task DisposeAsync()
    {
        await Model.DisposeAsync();
        Folder.Dispose();
    }
}

/// <summary>Truth: the contract of IChatClient, and what TextGenerator gives for the prompt that the template renders.</summary>
public sealed class ChatClientTests(LoadedModel loaded) : IClassFixture<LoadedModel>
{
    private static readonly ChatOptions _greedy = new() { Temperature = 0, MaxOutputTokens = 12 };

    private sealed record Person(string Name, int Age);

    [Fact]
    public async Task An_answer_is_what_the_model_generates_for_the_rendered_chat()
    {
        var expected = new TextGenerator(loaded.Model.Decoder!, loaded.Model.Tokenizer)
            .Generate("<system>Be brief.<user>Hello there<assistant>", new GenerationOptions { Temperature = 0, MaxNewTokens = 12 });

        var response = await loaded.Client.GetResponseAsync([new(ChatRole.User, "Hello there")],
            new ChatOptions { Instructions = "Be brief.", Temperature = 0, MaxOutputTokens = 12 });

        Assert.Equal(expected.Text, response.Text);
        Assert.Equal(ChatFinishReason.Length, response.FinishReason);
        Assert.Equal(12, response.Usage!.OutputTokenCount);
        Assert.True(response.Usage.InputTokenCount > 5);
        Assert.Equal(response.Usage.InputTokenCount + 12, response.Usage.TotalTokenCount);
        Assert.Equal(loaded.Model.Name, response.ModelId);
    }

    [Theory]
    [InlineData("bfloat16")]
    [InlineData("int8")]
    [InlineData("int4")]
    public async Task Weights_of_another_type_answer_as_the_model_loaded_so_does(string type)
    {
        var options = new LoadOptions
        {
            Type = type == "bfloat16" ? TorchSharp.torch.ScalarType.BFloat16 : TorchSharp.torch.ScalarType.Float32,
            Quantize = type == "bfloat16" ? null : Quantization.Parse(type),
        };
        using var model = ModelFolder.Load<LanguageModel>(loaded.Folder.Root, options);
        var expected = new TextGenerator(model, loaded.Model.Tokenizer)
            .Generate("<user>Hello there<assistant>", new GenerationOptions { Temperature = 0, MaxNewTokens = 12 });

        await using var source = new ModelSource(new ModelOptions { Model = loaded.Folder.Root, Type = type });
        using var client = new TransformerChatClient(source);
        var response = await client.GetResponseAsync([new(ChatRole.User, "Hello there")], _greedy);

        Assert.Equal(expected.Text, response.Text);
        var decoder = source.Ready!.Decoder!;
        Assert.Equal((options.Quantize is not null, options.Type), (decoder.IsQuantized, decoder.Backbone.TokenWeight.dtype));
    }

    [Theory]
    [InlineData("float32")]
    [InlineData("int8")]
    public async Task An_adapter_answers_as_the_model_with_its_updates_added_in(string type)
    {
        var folder = Directory.CreateTempSubdirectory("transformertorch-");
        var (adapter, plain) = (Path.Combine(folder.FullName, "adapter"), Path.Combine(folder.FullName, "plain"));
        try
        {
            using (var model = ModelFolder.Load(loaded.Folder.Root))
            {
                var lora = LoraAdapter.Add(model, new LoraOptions { Targets = ["q_proj", "down_proj"], Rank = 4 });
                using (TorchSharp.torch.no_grad())
                    foreach (var parameter in model.parameters().Where(p => p.requires_grad)) parameter.uniform_(-0.5, 0.5);
                lora.Save(adapter, loaded.Folder.Root);
                lora.Merge();
                ModelFolder.Save(model, plain);
            }
            foreach (var file in Directory.GetFiles(loaded.Folder.Root, "tokenizer*"))
                File.Copy(file, Path.Combine(plain, Path.GetFileName(file)));
            var origin = new ModelOptions { Model = loaded.Folder.Root, Type = type };

            var expected = await Answer(new ModelOptions { Model = plain, Type = type });
            Assert.NotEqual(expected, await Answer(origin));
            Assert.Equal(expected, await Answer(new ModelOptions { Model = adapter, Type = type }));
            Assert.Equal(expected, await Answer(new ModelOptions { Model = loaded.Folder.Root, Adapter = adapter, Type = type }));
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        static async Task<string> Answer(ModelOptions options)
        {
            await using var source = new ModelSource(options);
            using var client = new TransformerChatClient(source);
            return (await client.GetResponseAsync([new(ChatRole.User, "Hello there")], _greedy)).Text;
        }
    }

    [Fact]
    public async Task Updates_joined_are_the_answer_and_the_last_tells_why_it_ended_and_what_it_cost()
    {
        ChatMessage[] messages = [new(ChatRole.User, "Hello")];
        var whole = await loaded.Client.GetResponseAsync(messages, _greedy);
        var updates = await loaded.Client.GetStreamingResponseAsync(messages, _greedy).ToListAsync();

        Assert.Equal(whole.Text, string.Concat(updates.Select(u => u.Text)));
        Assert.True(updates.Count > 3);
        Assert.All(updates.SkipLast(1), u => Assert.Null(u.FinishReason));
        Assert.Equal(ChatFinishReason.Length, updates[^1].FinishReason);
        Assert.Equal(12, updates[^1].Contents.OfType<UsageContent>().Single().Details.OutputTokenCount);
        Assert.Single(updates.Select(u => u.ResponseId).Distinct());
    }

    [Fact]
    public async Task A_stop_text_ends_the_answer_before_it_wherever_tokens_end()
    {
        ChatMessage[] messages = [new(ChatRole.User, "Go on")];
        var whole = (await loaded.Client.GetResponseAsync(messages, _greedy)).Text;
        var stop = whole.Substring(whole.Length / 2, 3);

        var options = _greedy.Clone();
        options.StopSequences = [stop];
        var response = await loaded.Client.GetResponseAsync(messages, options);

        Assert.Equal(whole[..whole.IndexOf(stop, StringComparison.Ordinal)], response.Text);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
    }

    [Fact]
    public async Task A_seed_draws_the_same_answer_and_options_of_the_caller_stay_as_they_were()
    {
        var options = new ChatOptions
        {
            Seed = 4, Temperature = 1.2f, TopK = 40, TopP = 0.95f, MaxOutputTokens = 10, FrequencyPenalty = 0.5f, PresencePenalty = 0.2f,
            AdditionalProperties = new() { ["min_p"] = 0.01, ["repetition_penalty"] = 1.1 },
        };
        ChatMessage[] messages = [new(ChatRole.User, "Draw")];
        var texts = await Task.WhenAll(Enumerable.Range(0, 6)
            .Select(async _ => (await loaded.Client.GetResponseAsync(messages, options)).Text));

        Assert.Single(texts.Distinct());
        Assert.Null(options.Instructions);
        options.Seed = 5;
        Assert.NotEqual(texts[0], (await loaded.Client.GetResponseAsync(messages, options)).Text);
    }

    [Theory]
    [InlineData(30)]
    [InlineData(45)]
    [InlineData(200)]
    public async Task An_answer_by_schema_parses_and_validates_even_when_tokens_are_short(int most)
    {
        for (var seed = 0; seed < 5; seed++)
        {
            var options = new ChatOptions
            {
                ResponseFormat = ChatResponseFormat.ForJsonSchema<Person>(), MaxOutputTokens = most, Seed = seed, Temperature = 1.5f,
            };
            var response = await loaded.Client.GetResponseAsync([new(ChatRole.User, "Who?")], options);

            var person = JsonNode.Parse(response.Text)!;
            Assert.Equal(["name", "age"], person.AsObject().Select(m => m.Key));
            Assert.Equal(JsonValueKind.String, person["name"]!.GetValueKind());
            Assert.True(person["age"]!.GetValue<decimal>() % 1 == 0);
        }
    }

    [Fact]
    public async Task A_function_that_must_be_called_is_called_with_arguments_of_its_schema()
    {
        var weather = AIFunctionFactory.Create((string city, int days) => "sunny", "get_weather", "The weather");
        var options = new ChatOptions { Tools = [weather], ToolMode = ChatToolMode.RequireAny, MaxOutputTokens = 150, Seed = 1 };

        var response = await loaded.Client.GetResponseAsync([new(ChatRole.User, "Weather?")], options);

        var call = response.Messages.SelectMany(m => m.Contents).OfType<FunctionCallContent>().Single();
        Assert.Equal("get_weather", call.Name);
        Assert.Equal(["city", "days"], call.Arguments!.Keys);
        Assert.Equal(ChatFinishReason.ToolCalls, response.FinishReason);

        ChatMessage[] next =
        [
            new(ChatRole.User, "Weather?"), .. response.Messages, new(ChatRole.Tool, [new FunctionResultContent(call.CallId, "sunny")]),
        ];
        Assert.True((await loaded.Client.GetResponseAsync(next, _greedy)).Text.Length > 0);
    }

    [Fact]
    public async Task Where_functions_are_offered_an_answer_of_a_form_is_in_it_or_is_a_call()
    {
        var weather = AIFunctionFactory.Create((string city) => "sunny", "get_weather", "The weather");
        var (answers, calls) = (0, 0);
        for (var seed = 0; seed < 24; seed++)
        {
            var options = new ChatOptions
            {
                ResponseFormat = ChatResponseFormat.ForJsonSchema<Person>(), Tools = [weather], MaxOutputTokens = 120, Seed = seed,
                Temperature = 20, // both come about as often
            };
            var response = await loaded.Client.GetResponseAsync([new(ChatRole.User, "Who, or what weather?")], options);

            if (response.Messages.SelectMany(m => m.Contents).OfType<FunctionCallContent>().SingleOrDefault() is { } call)
            {
                Assert.Equal(("get_weather", "city"), (call.Name, Assert.Single(call.Arguments!.Keys)));
                calls++;
                continue;
            }
            Assert.Equal(["name", "age"], JsonNode.Parse(response.Text)!.AsObject().Select(m => m.Key));
            answers++;
        }
        Assert.True(answers > 0 && calls > 0, $"{answers} answers, {calls} calls");
    }

    [Fact]
    public async Task Cancellation_takes_effect_between_tokens_and_frees_what_was_held()
    {
        using var cancel = new CancellationTokenSource();
        var options = new ChatOptions { MaxOutputTokens = 400, Temperature = 0 };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var update in loaded.Client.GetStreamingResponseAsync([new(ChatRole.User, "Long")], options, cancel.Token))
                await cancel.CancelAsync();
        });

        for (var i = 0; i < 200 && loaded.Model.Engine!.Statistics.Running > 0; i++) await Task.Delay(20);
        Assert.Equal(0, loaded.Model.Engine!.Statistics.Running);
    }

    [Fact]
    public async Task Usage_tells_how_much_of_the_chat_was_held_already()
    {
        ChatMessage[] chat = [new(ChatRole.User, "Nobody else asks for this: " + string.Join(' ', Enumerable.Range(100, 60)))];
        var first = (await loaded.Client.GetResponseAsync(chat, _greedy)).Usage!;
        var again = (await loaded.Client.GetResponseAsync(chat, _greedy)).Usage!;
        var streamed = await loaded.Client.GetStreamingResponseAsync(chat, _greedy).ToListAsync();

        Assert.Equal(0, first.CachedInputTokenCount);
        Assert.InRange(again.CachedInputTokenCount!.Value, 60, again.InputTokenCount!.Value - 1);
        Assert.Equal(first.InputTokenCount, again.InputTokenCount);
        var usage = streamed.SelectMany(u => u.Contents).OfType<UsageContent>().Single().Details;
        Assert.Equal(again.CachedInputTokenCount, usage.CachedInputTokenCount);
    }

    [Fact]
    public async Task Forty_callers_at_once_each_get_their_own_answer()
    {
        async Task<string> Ask(int i) => (await loaded.Client.GetResponseAsync([new(ChatRole.User, $"Number {i}")], _greedy)).Text;
        var alone = new List<string>();
        for (var i = 0; i < 8; i++) alone.Add(await Ask(i));

        var together = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Ask(i % 8)));

        for (var i = 0; i < together.Length; i++) Assert.Equal(alone[i % 8], together[i]);
    }

    [Fact]
    public async Task What_cannot_be_followed_is_refused_before_anything_is_generated()
    {
        await Assert.ThrowsAsync<ArgumentNullException>(() => loaded.Client.GetResponseAsync((IEnumerable<ChatMessage>)null!));
        await Assert.ThrowsAsync<ArgumentException>(() => loaded.Client.GetResponseAsync([]));
        var wrong = new ChatOptions { Temperature = -1 };
        await Assert.ThrowsAsync<ArgumentException>(() => loaded.Client.GetResponseAsync([new(ChatRole.User, "x")], wrong));
        var schema = JsonDocument.Parse("""{"type":"object","propertyNames":{"maxLength":3}}""").RootElement;
        var other = new ChatOptions { ResponseFormat = ChatResponseFormat.ForJsonSchema(schema) };
        var error = await Assert.ThrowsAnyAsync<ArgumentException>(
            () => loaded.Client.GetResponseAsync([new(ChatRole.User, "x")], other));
        Assert.Contains("'propertyNames' is not supported", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Services_are_those_of_the_contract()
    {
        Assert.Same(loaded.Client, loaded.Client.GetService(typeof(IChatClient)));
        Assert.Null(loaded.Client.GetService(typeof(IChatClient), "key"));
        var metadata = Assert.IsType<ChatClientMetadata>(loaded.Client.GetService(typeof(ChatClientMetadata)));
        Assert.Equal((Telemetry.Provider, loaded.Model.Name), (metadata.ProviderName, metadata.DefaultModelId));
    }
}
