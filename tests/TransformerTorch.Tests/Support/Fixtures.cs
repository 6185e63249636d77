namespace TransformerTorch.Tests.Support;

/// <summary>Files under tests/fixtures.</summary>
internal static class Fixtures
{
    public static string Root { get; } = Path.Combine(Repository(), "tests", "fixtures");

    public static string Model(string name) => Path.Combine(Root, "models", name);

    private static string Repository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "TransformerTorch.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("tests run inside the repository");
    }
}
