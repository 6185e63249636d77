using TransformerTorch.Data;
using TransformerTorch.Data.Sources;
using TransformerTorch.Tests.Support;

namespace TransformerTorch.Tests.Data;

public sealed class TextFilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(DocumentUnit.File, new[] { "a\nb\n\n\nc" })]
    [InlineData(DocumentUnit.Block, new[] { "a\nb", "c" })]
    [InlineData(DocumentUnit.Line, new[] { "a", "b", "c" })]
    public void A_file_is_cut_into_documents_as_configured(DocumentUnit unit, string[] expected)
    {
        var file = _folder.Write("t.txt", "a\nb\n\n\nc\n");

        Assert.Equal(expected, new TextFiles([file], unit).Read().Select(d => d.Text));
    }

    [Fact]
    public void Folders_and_globs_are_searched_in_a_fixed_order()
    {
        _folder.Write("b.txt", "1");
        _folder.Write("sub/deep/a.txt", "2");
        _folder.Write("sub/c.md", "3");
        _folder.Write("sub/d.bin", "4");

        Assert.Equal(["1", "3", "2"], new TextFiles([_folder.Root]).Read().Select(d => d.Text));
        Assert.Equal(["1", "2"], new TextFiles([_folder["**/*.txt"]]).Read().Select(d => d.Text));
        Assert.Equal(["3"], new TextFiles([_folder["sub/*.md"]]).Read().Select(d => d.Text));
    }

    [Fact]
    public void A_pattern_that_matches_nothing_is_named()
    {
        var error = Assert.Throws<DataException>(() => new TextFiles([_folder["*.txt"]]));

        Assert.Contains("*.txt", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_that_are_not_utf8_are_named_with_file_and_line()
    {
        var file = _folder["t.txt"];
        File.WriteAllBytes(file, [(byte)'a', (byte)'\n', 0xff, 0xfe, 0xff]);

        var error = Assert.Throws<DataException>(() => new TextFiles([file]).Read().ToList());

        Assert.Contains(file, error.Message, StringComparison.Ordinal);
        Assert.Contains("UTF-8", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_changed_file_changes_the_identity()
    {
        var file = _folder.Write("t.txt", "one");
        var before = new TextFiles([file]).Identity;

        _folder.Write("t.txt", "three");

        Assert.NotEqual(before, new TextFiles([file]).Identity);
    }
}
