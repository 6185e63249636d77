using System.Text.RegularExpressions;

namespace TransformerTorch.Tests.Rules;

/// <summary>The README is the first thing read, so it is held to what is there.</summary>
public sealed partial class ReadmeTests
{
    private static readonly string Text = Repository.Read("README.md");

    /// <summary>A line of the map: a path, indented below its folder, and a phrase.</summary>
    [GeneratedRegex(@"^(?<indent> *)(?<path>[\w.\-/]+)(?:  +\S.*)?$")]
    private static partial Regex MapLine();

    [GeneratedRegex(@"scripts/tt (?<command>[a-z]+)(?: (?<verb>[a-z]+)\b)?")]
    private static partial Regex Command();

    [GeneratedRegex(@"(?:scripts|configs|docs|tests|src)/[\w.\-/]+")]
    private static partial Regex PathMention();

    [GeneratedRegex("""new(?: Command)?\("(?<name>[a-z]+)",""")]
    private static partial Regex Registered();

    [Fact]
    public void Every_path_of_the_map_exists_and_has_a_phrase()
    {
        var map = Map().ToList();

        Assert.NotEmpty(map);
        Assert.All(map, path => Assert.True(Repository.Has(path), path));
    }

    [Fact]
    public void The_map_shows_every_project_and_every_folder_of_the_engine()
    {
        var map = Map().Select(p => p.TrimEnd('/')).ToHashSet();
        var folders = KeptFolders("src").Concat(KeptFolders("src/TransformerTorch")).Concat(KeptFolders("tests"));

        Assert.All(folders, folder => Assert.True(map.Contains(folder), $"the map lacks {folder}"));
    }

    [Fact]
    public void Every_file_that_is_named_exists()
    {
        Assert.All(PathMention().Matches(Text).Select(m => m.Value.TrimEnd('.')), path => Assert.True(Repository.Has(path), path));
    }

    [Fact]
    public void Every_command_that_is_named_is_one()
    {
        var known = Repository.Files("src/TransformerTorch.Cli", ".cs").SelectMany(path => Registered().Matches(Repository.Read(path)))
            .Select(m => m.Groups["name"].Value).ToHashSet();
        var named = Command().Matches(Text).Select(m => m.Groups["command"].Value).Distinct().ToList();

        Assert.NotEmpty(named);
        Assert.All(named, command => Assert.True(known.Contains(command), $"there is no tt {command}"));
    }

    private static IEnumerable<string> Map()
    {
        var parents = new Stack<(int Indent, string Path)>();
        foreach (var match in Block().Split('\n').Select(line => MapLine().Match(line)).Where(m => m.Success))
        {
            var indent = match.Groups["indent"].Length;
            while (parents.Count > 0 && parents.Peek().Indent >= indent) parents.Pop();
            var path = (parents.Count > 0 ? parents.Peek().Path : "") + match.Groups["path"].Value;
            if (path.EndsWith('/')) parents.Push((indent, path));
            yield return path;
        }
    }

    private static string Block() // the fenced block below "## The map"
        => Text[Text.IndexOf("## The map", StringComparison.Ordinal)..].Split("```")[1];

    private static IEnumerable<string> KeptFolders(string parent)
        => Directory.EnumerateDirectories(Path.Combine(Repository.Root, parent)).Select(Path.GetFileName)
            .Where(name => name is not ("bin" or "obj" or "TestResults"))
            .Select(name => $"{parent}/{name}");
}
