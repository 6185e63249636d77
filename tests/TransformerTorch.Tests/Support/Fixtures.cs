using TransformerTorch.Text;

namespace TransformerTorch.Tests.Support;

/// <summary>Files under tests/fixtures.</summary>
internal static class Fixtures
{
    public static string Root { get; } = Path.Combine(Repository(), "tests", "fixtures");

    public static string Model(string name) => Path.Combine(Root, "models", name);

    public static Tokenizer Tokenizer(string name) => Text.Tokenizer.FromFile(Path.Combine(Root, "tokenizers", name, "tokenizer.json"));

    private static string Repository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "TransformerTorch.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("tests run inside the repository");
    }
}
