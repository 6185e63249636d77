using TransformerTorch.Generation;

namespace TransformerTorch.AI.Tests;

/// <summary>Thoughts and answers, however the text is cut into pieces. Truth: the text read as a whole.</summary>
public sealed class ThoughtReaderTests
{
    [Theory]
    [InlineData("<think>\nOne,\n two.\n</think>\n\nThree. ", "One,\n two.", "Three. ")]
    [InlineData("\n<think></think>Three", "", "Three")]
    [InlineData("<think>\n\n</think>\n\n", "", "")]
    [InlineData("<think>One < two </thin", "One < two </thin", "")]
    [InlineData("<think> One", "One", "")]
    [InlineData(" <thin", "", " <thin")]
    [InlineData("Three <think>no</think>", "", "Three <think>no</think>")]
    [InlineData("<think>One</think>Two<think>three</think>", "One", "Two<think>three</think>")]
    public void A_thought_is_what_stands_between_the_marks_at_the_beginning(string text, string thought, string said)
    {
        for (var size = 1; size <= text.Length; size++) Assert.Equal((thought, said), Read(text, size, opened: false));
    }

    [Theory]
    [InlineData("\nOne</think>Two", "One", "Two")]
    [InlineData("</think>Two", "", "Two")]
    [InlineData("One", "One", "")]
    public void A_thought_that_the_prompt_opens_goes_to_its_closing_mark(string text, string thought, string said)
    {
        for (var size = 1; size <= text.Length; size++) Assert.Equal((thought, said), Read(text, size, opened: true));
    }

    [Theory]
    [InlineData(false, "<,think,>,a, b,</think>,c,d", 6)]
    [InlineData(false, "<think>a</think>c,d", 1)]
    [InlineData(false, "a,b", 0)]
    [InlineData(true, "a,b</think>,c", 2)]
    [InlineData(true, "</think>,c", 1)]
    public void Tokens_of_the_thought_are_counted_with_its_marks(bool opened, string tokens, int expected)
    {
        var reader = new ThoughtReader(opened);
        foreach (var token in tokens.Split(',')) reader.Add(new TextPiece(1, token, null));
        reader.Add(new TextPiece(null, "", FinishReason.Length));

        Assert.Equal(expected, reader.Tokens);
    }

    private static (string Thought, string Text) Read(string text, int size, bool opened)
    {
        var (reader, result) = (new ThoughtReader(opened), (Thought: "", Text: ""));
        foreach (var piece in text.Chunk(size).Select(c => new TextPiece(1, new string(c), null))
            .Append(new TextPiece(null, "", FinishReason.Stop)))
        {
            var (thought, said) = reader.Add(piece);
            result = (result.Thought + thought, result.Text + said);
        }
        return result;
    }
}
