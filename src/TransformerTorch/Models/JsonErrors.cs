using System.Text.Json;

namespace TransformerTorch.Models;

/// <summary>What is wrong with a file that is not JSON, in the words of other errors.</summary>
internal static class JsonErrors
{
    /// <summary>File, line and column, counted from one, and what stands there.</summary>
    public static string Describe(string path, JsonException e)
    {
        var cut = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal); // counted from zero there
        var what = cut < 0 ? e.Message : e.Message[..cut];
        return e.LineNumber is { } line ? $"{path}:{line + 1}:{e.BytePositionInLine + 1}: not JSON: {what}" : $"{path}: not JSON: {what}";
    }
}
