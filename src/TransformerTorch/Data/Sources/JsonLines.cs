using System.Text.Json;
using System.Text.Json.Nodes;

namespace TransformerTorch.Data.Sources;

/// <summary>Files with a JSON object on each line; its members are the fields.</summary>
public sealed class JsonLines : ITextSource
{
    private readonly FileSet _files;

    /// <summary>Resolves the patterns: files, folders (all <c>*.jsonl</c> and <c>*.ndjson</c> below) or globs.</summary>
    /// <exception cref="DataException">A pattern matches no file.</exception>
    public JsonLines(IEnumerable<string> patterns)
    {
        _files = new FileSet(patterns, ".jsonl", ".ndjson");
        Identity = $"jsonl/1\n{_files.Identity}";
    }

    /// <inheritdoc/>
    public string Identity { get; }

    /// <inheritdoc/>
    public IEnumerable<Document> Read(MalformedRecords malformed)
    {
        foreach (var file in _files.Files)
        {
            foreach (var (line, number) in FileSet.Lines(file))
            {
                if (string.IsNullOrWhiteSpace(line)) continue;
                if (Parse(line, new(file, number), malformed) is { } document) yield return document;
            }
        }
    }

    private static Document? Parse(string line, RecordPlace place, MalformedRecords malformed)
    {
        try
        {
            if (JsonNode.Parse(line) is JsonObject fields)
            {
                _ = fields.Count;       // duplicate members show when first asked
                return new(fields, place: place) { Length = line.Length };
            }
            malformed.Add(place, "not a JSON object on one line");
        }
        catch (JsonException e)
        {
            // Its message goes on with places as the parser counts them, from 0 and in one line.
            malformed.Add(place, $"not JSON at byte {e.BytePositionInLine + 1} of the line: {e.Message.Split(". ")[0]}");
        }
        catch (ArgumentException e)
        {
            malformed.Add(place, $"not JSON: {e.Message}");
        }
        return null;
    }
}
