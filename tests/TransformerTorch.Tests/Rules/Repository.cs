namespace TransformerTorch.Tests.Rules;

/// <summary>The checkout that these tests were built from, as its rules see it: the files that git would keep.</summary>
internal static class Repository
{
    private static readonly HashSet<string> Unkept = ["bin", "obj", "artifacts", "runs", ".git", ".setup", "TestResults"];

    public static string Root { get; } = Find();

    /// <summary>Paths relative to the root, with '/', below one of its folders.</summary>
    public static IEnumerable<string> Files(string folder, params string[] extensions)
        => Walk(new DirectoryInfo(Path.Combine(Root, folder)))
            .Where(f => extensions.Contains(f.Extension))
            .Select(f => Path.GetRelativePath(Root, f.FullName).Replace('\\', '/'))
            .Order(StringComparer.Ordinal);

    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    public static bool Has(string path) => Path.Exists(Path.Combine(Root, path));

    private static IEnumerable<FileInfo> Walk(DirectoryInfo folder)
        => folder.EnumerateFiles().Concat(folder.EnumerateDirectories().Where(d => !Unkept.Contains(d.Name)).SelectMany(Walk));

    private static string Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "TransformerTorch.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("tests run inside the repository");
    }
}
