using Microsoft.Extensions.AI;
using TransformerTorch.AI.Tests.Support;

namespace TransformerTorch.AI.Tests;

/// <summary>A model that calls two functions and talks on. Truth: what ChatOptions.AllowMultipleToolCalls says.</summary>
public sealed class SingleCallTests : IDisposable
{
    private readonly SmallModel _folder = new SmallModel().Saying("""
        Wait.<tool_call>
        {"name": "add", "arguments": {"a": 1}}
        </tool_call>
        <tool_call>
        {"name": "add", "arguments": {"a": 2}}
        </tool_call>
        """);

    [Theory]
    [InlineData(null, "1 2")]
    [InlineData(true, "1 2")]
    [InlineData(false, "1")]
    public async Task An_answer_ends_with_its_first_call_where_one_is_allowed(bool? several, string expected)
    {
        await using var source = new ModelSource(new ModelOptions { Model = _folder.Root });
        using var client = new TransformerChatClient(source);
        var options = new ChatOptions
        {
            Tools = [AIFunctionFactory.Create((int a) => a, "add")], AllowMultipleToolCalls = several, MaxOutputTokens = 120,
        };
        var response = await client.GetResponseAsync("Add", options);

        var calls = response.Messages.SelectMany(m => m.Contents).OfType<FunctionCallContent>();
        Assert.Equal(expected, string.Join(' ', calls.Select(c => $"{c.Arguments!["a"]}")));
        Assert.Equal(("Wait.", ChatFinishReason.ToolCalls), (response.Text, response.FinishReason));
        var whole = source.Ready!.Tokenizer.Encode("Wait.<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}").Ids.Length;
        if (several == false) Assert.InRange(response.Usage!.OutputTokenCount!.Value, whole - 1, whole + 1); // the rest is not generated
        else Assert.True(response.Usage!.OutputTokenCount > whole + 10);
    }

    public void Dispose() => _folder.Dispose();
}
