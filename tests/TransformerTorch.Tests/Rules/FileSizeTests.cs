namespace TransformerTorch.Tests.Rules;

/// <summary>A file is a room with one purpose. Raising a number here is a change to be reviewed.</summary>
public sealed class FileSizeTests
{
    private const int MostLines = 400;
    private const int MostColumns = 140;

    private static readonly string[] Sources = [".cs", ".cpp", ".cu", ".cuh", ".h", ".inl", ".sh"];

    [Fact]
    public void No_source_file_is_longer_than_a_reader_holds_in_mind()
    {
        var tall = Files().Select(path => (Path: path, Lines(path).Length))
            .Where(f => f.Length > MostLines)
            .Select(f => $"{f.Path}: {f.Length} lines");

        Assert.Empty(tall);
    }

    [Fact]
    public void No_line_is_wider_than_a_screen()
    {
        var wide = Files().SelectMany(path => Lines(path).Select((line, i) => (Where: $"{path}:{i + 1}", line.Length)))
            .Where(l => l.Length > MostColumns)
            .Select(l => $"{l.Where}: {l.Length} columns");

        Assert.Empty(wide);
    }

    private static IEnumerable<string> Files()
        => Repository.Files("src", Sources).Concat(Repository.Files("tests", Sources)).Concat(Repository.Files("scripts", Sources));

    private static string[] Lines(string path) => File.ReadAllLines(Path.Combine(Repository.Root, path));
}
