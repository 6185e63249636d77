using System.Text.Json;
using TransformerTorch.Text.Json;

namespace TransformerTorch.Text.Pretrained;

/// <summary>The small files beside a tokenizer.</summary>
internal static class FolderFiles
{
    private static readonly JsonDocumentOptions _options = new() { MaxDepth = 128 };

    /// <summary>The root of a JSON file that holds an object; null where the file is not there.</summary>
    /// <exception cref="TokenizerException">The file is there, but holds no object.</exception>
    public static Node ReadJson(string path)
    {
        if (!File.Exists(path))
            return new Node(default, path, "$");
        try
        {
            var bytes = File.ReadAllBytes(path).AsMemory();
            if (bytes.Span.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]))
                bytes = bytes[3..];
            using var document = JsonDocument.Parse(bytes, _options);
            var root = new Node(document.RootElement.Clone(), path, "$");
            return root.Value.ValueKind == JsonValueKind.Object ? root : throw root.Error("an object is expected");
        }
        catch (JsonException exception)
        {
            throw new TokenizerException($"{path}: not JSON: {exception.Message}", exception);
        }
    }

    /// <summary>The lines of a text file, without their ends.</summary>
    public static IEnumerable<(int Number, string Text)> Lines(string path) =>
        File.ReadLines(path).Select((text, index) => (index + 1, text));
}
