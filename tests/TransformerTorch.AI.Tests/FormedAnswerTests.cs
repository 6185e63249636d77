using System.Text.Json;
using Microsoft.Extensions.AI;
using TransformerTorch.Generation.Grammars;

namespace TransformerTorch.AI.Tests;

/// <summary>Answers of a form, whatever else is asked for. Truth: System.Text.Json, which reads them as what they are to be.</summary>
public sealed class FormedAnswerTests(LoadedModel loaded) : IClassFixture<LoadedModel>
{
    private static readonly ChatMessage[] _messages = [new(ChatRole.User, "What, and when?")];

    private sealed record Event(DateTime At, DateTimeOffset Sent, DateOnly Day, TimeOnly Hour, Guid Id, Uri Page, DateTime? Until);

    [Fact]
    public async Task Moments_ids_and_addresses_are_always_read_back()
    {
        for (var seed = 0; seed < 12; seed++)
        {
            var response = await loaded.Client.GetResponseAsync<Event>(_messages,
                new ChatOptions { MaxOutputTokens = 400, Seed = seed, Temperature = 1.5f });

            Assert.True(response.Result.Page.IsAbsoluteUri);
            Assert.NotEqual(default, response.Result.At);
        }
    }

    [Fact]
    public async Task Neither_stop_texts_nor_rules_keep_an_answer_from_its_form()
    {
        var schema = JsonDocument.Parse("""{"type":"array","items":{"const":"ab"},"minItems":5,"maxItems":5}""").RootElement;
        var options = new ChatOptions
        {
            ResponseFormat = ChatResponseFormat.ForJsonSchema(schema), MaxOutputTokens = 100, Temperature = 1.5f,
            StopSequences = ["a", "\"", ","], AdditionalProperties = new() { ["no_repeat_ngram_size"] = 1 },
        };
        for (var seed = 0; seed < 5; seed++)
        {
            options.Seed = seed;
            var response = await loaded.Client.GetResponseAsync(_messages, options);

            Assert.Equal(Enumerable.Repeat("ab", 5), JsonSerializer.Deserialize<string[]>(response.Text)!);
            Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        }
    }

    [Fact]
    public async Task A_function_whose_parameters_cannot_be_followed_is_refused_only_where_it_must_be_called()
    {
        var parameters = JsonDocument.Parse("""{"type":"object","patternProperties":{"^a":{"type":"string"}}}""").RootElement;
        var options = new ChatOptions
        {
            ResponseFormat = ChatResponseFormat.ForJsonSchema<string[]>(), MaxOutputTokens = 60, Seed = 1, Temperature = 1.5f,
            Tools = [AIFunctionFactory.CreateDeclaration("note", "Takes notes", parameters)],
        };
        Assert.NotNull((await loaded.Client.GetResponseAsync<string[]>(_messages, options)).Result);

        options.ToolMode = ChatToolMode.RequireAny;
        var error = await Assert.ThrowsAsync<SchemaException>(() => loaded.Client.GetResponseAsync(_messages, options));
        Assert.Contains("'patternProperties' is not supported", error.Message, StringComparison.Ordinal);
    }
}
