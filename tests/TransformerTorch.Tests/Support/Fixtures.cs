using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using static TorchSharp.torch;

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

/// <summary>
/// What the reference computed for a model: inputs and outputs, loss, gradient norms, ten losses of AdamW, generated ids.
/// </summary>
internal sealed class Golden : IDisposable
{
    private readonly TensorFile _io;
    private readonly string _folder;

    public Golden(string name)
    {
        _folder = Fixtures.Model(name);
        _io = TensorFile.Open(Path.Combine(_folder, "io.safetensors"));
    }

    public JsonNode Grads => JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "grads.json")))!;

    public JsonNode Generate => JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "generate.json")))!;

    public Tensor this[string name] => _io.Read(name);

    public IEnumerable<string> Names(string prefix) => _io.Tensors.Keys.Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).Order();

    public void Dispose() => _io.Dispose();
}
