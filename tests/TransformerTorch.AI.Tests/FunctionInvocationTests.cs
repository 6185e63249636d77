using Microsoft.Extensions.AI;
using TransformerTorch.Generation;

namespace TransformerTorch.AI.Tests;

/// <summary>Truth: Microsoft's own clients around ours, and the contract that they keep to.</summary>
public sealed class FunctionInvocationTests(LoadedModel loaded) : IClassFixture<LoadedModel>
{
    // A response with a ConversationId says that its service keeps the history: nobody sends it again.
    [Fact]
    public async Task A_functions_result_comes_with_the_question_and_the_call_that_it_answers()
    {
        var asked = new List<ChatMessage[]>();
        using var client = new ChatClientBuilder(loaded.Client).UseFunctionInvocation().Use((messages, options, next, cancellation) =>
        {
            asked.Add([.. messages]);
            return next(messages, options, cancellation);
        }).Build();
        var weather = AIFunctionFactory.Create((string city) => "sunny", "get_weather", "The weather");
        var options = new ChatOptions
        {
            Tools = [weather], ToolMode = ChatToolMode.RequireAny, MaxOutputTokens = 100, Seed = 1, ConversationId = "conversation",
        };

        var response = await client.GetResponseAsync([new(ChatRole.User, "Weather?")], options);

        Assert.Null(response.ConversationId);
        Assert.Equal(2, asked.Count);
        Assert.Equal([ChatRole.User, ChatRole.Assistant, ChatRole.Tool], asked[1].Select(m => m.Role));
        Assert.Equal("Weather?", asked[1][0].Text);
    }

    [Fact]
    public async Task Who_makes_options_of_our_own_kind_is_given_the_client()
    {
        IChatClient? given = null;
        var options = new ChatOptions
        {
            RawRepresentationFactory = client =>
            {
                given = client;
                return new GenerationOptions { Temperature = 0, MaxNewTokens = 3 };
            },
        };
        var response = await loaded.Client.GetResponseAsync([new(ChatRole.User, "Hello")], options);

        Assert.Same(loaded.Client, given);
        Assert.Equal(3, response.Usage!.OutputTokenCount);
    }
}
