using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace TransformerTorch.Tests.Rules;

/// <summary>Data flows one way. Truth: the table below, which is the README's map read downwards.</summary>
public sealed partial class LayeringTests
{
    /// <summary>Each folder of the engine, and the folders it may name.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Configuration"] = [],
        ["Tensors"] = [],
        ["Layers"] = ["Tensors"],
        ["Models"] = ["Configuration", "Tensors", "Layers"],
        ["Hub"] = [],
        ["Checkpoints"] = ["Tensors", "Layers", "Models", "Hub"],
        ["Data"] = ["Configuration", "Tensors", "Checkpoints", "Text"],
        ["Generation"] = ["Tensors", "Layers", "Models", "Text"],
        ["Sentences"] = ["Tensors", "Layers", "Models", "Checkpoints", "Text"],
        ["Pipelines"] = ["Models", "Checkpoints", "Sentences", "Generation", "Text"],
        ["Verification"] = ["Tensors", "Models", "Checkpoints", "Generation"],
        ["Training"] = ["Configuration", "Tensors", "Layers", "Models", "Checkpoints", "Data", "Generation", "Text"],
    };

    [GeneratedRegex(@"(?<!namespace )\bTransformerTorch\.(?<folder>[A-Z]\w*)")]
    private static partial Regex Mention();

    [GeneratedRegex(@"^namespace (?<name>[\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"^\s*//.*$", RegexOptions.Multiline)]
    private static partial Regex Comment();

    [Fact]
    public void Each_folder_of_the_engine_names_only_the_folders_it_may()
    {
        var broken = EngineFiles().SelectMany(file => Named(Repository.Read(file.Path))
            .Where(named => named != file.Folder && !Allowed[file.Folder].Contains(named))
            .Select(named => $"{file.Path} names {named}; {file.Folder} may use: {string.Join(", ", Allowed[file.Folder])}"));

        Assert.Empty(broken);
    }

    [Fact]
    public void Every_folder_of_the_engine_has_a_place_in_the_table()
    {
        Assert.All(EngineFiles(), file => Assert.True(Allowed.ContainsKey(file.Folder), $"{file.Path} is in a folder without a place"));
    }

    [Fact]
    public void A_forbidden_name_is_seen_with_a_using_an_alias_or_in_full_and_not_in_a_comment()
    {
        Assert.Equal(["Training"], Named("using TransformerTorch.Training;"));
        Assert.Equal(["Training"], Named("using T = TransformerTorch.Training.Trainer;"));
        Assert.Equal(["Training"], Named("    var t = new TransformerTorch.Training.Trainer();"));
        Assert.Empty(Named("namespace TransformerTorch.Training;\n/// <see cref=\"TransformerTorch.Training.Trainer\"/>"));
    }

    [Fact]
    public void The_namespace_of_a_file_is_its_folder()
    {
        var wrong = Repository.Files("src", ".cs")
            .Where(path => !path.StartsWith("src/TorchSharp/", StringComparison.Ordinal))
            .Select(path => (Path: path, Expected: Folder(path).Replace('/', '.'), Name: NamespaceOf(path)))
            .Where(f => f.Name is not null && f.Name != f.Expected)
            .Select(f => $"{f.Path}: {f.Name}, its folder says {f.Expected}");

        Assert.Empty(wrong);
    }

    [Theory]
    [InlineData("TransformerTorch.Text")]
    [InlineData("TorchSharp")]
    public void An_assembly_at_the_bottom_refers_to_nothing_of_ours_and_to_no_torch(string project)
    {
        var file = XDocument.Parse(Repository.Read($"src/{project}/{project}.csproj"));
        var mentions = Repository.Files($"src/{project}", ".cs")
            .SelectMany(path => Mention().Matches(Code(Repository.Read(path))).Select(m => $"{path} names {m.Value}"))
            .Where(m => !m.EndsWith("TransformerTorch.Text", StringComparison.Ordinal) || project != "TransformerTorch.Text");

        Assert.Empty(file.Descendants("ProjectReference"));
        Assert.Empty(file.Descendants("UsesTorch"));
        Assert.Empty(mentions);
    }

    private static IEnumerable<(string Path, string Folder)> EngineFiles()
        => Repository.Files("src/TransformerTorch", ".cs").Select(path => (path, path.Split('/')[2]));

    private static IEnumerable<string> Named(string source)
        => Mention().Matches(Code(source)).Select(m => m.Groups["folder"].Value).Distinct();

    private static string Folder(string path) => path["src/".Length..path.LastIndexOf('/')];

    private static string Code(string source) => Comment().Replace(source, "");

    private static string? NamespaceOf(string path)
        => Namespace().Match(Repository.Read(path)) is { Success: true } match ? match.Groups["name"].Value : null;
}
