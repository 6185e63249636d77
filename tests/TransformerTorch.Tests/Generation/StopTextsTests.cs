using TransformerTorch.Generation;

namespace TransformerTorch.Tests.Generation;

/// <summary>Stop texts in a stream that cuts them anywhere.</summary>
public class StopTextsTests
{
    [Theory]
    [InlineData("one two END three", "one two ", true)]
    [InlineData("one two EN", "one two EN", false)]
    [InlineData("EEND", "E", true)]
    [InlineData("a\n\nb END", "a", true)]
    [InlineData("", "", false)]
    public void Nothing_of_a_stop_text_and_what_follows_is_given_however_the_text_is_cut(string text, string expected, bool met)
    {
        for (var size = 1; size <= text.Length + 1; size++)
        {
            var stop = new StopTexts(["END", "\n\n"]);
            var given = string.Concat(text.Chunk(size).Select(piece => stop.Add(new string(piece))));
            if (!stop.Met) given += stop.Finish();
            Assert.Equal((expected, met), (given, stop.Met));
        }
    }
}
