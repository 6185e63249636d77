using System.Runtime.CompilerServices;
using System.Text.Json;
using TransformerTorch.Text.Models;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Json;

/// <summary>Reads merges as ["a b", ...] or as [["a", "b"], ...]; tokens and what they join to must be in the vocabulary.</summary>
internal sealed class MergeReader(Node node, Vocabulary vocabulary, string? continuingPrefix)
{
    private readonly byte[] _prefix = Utf8.Bytes(continuingPrefix ?? "");
    private readonly byte[] _joined = new byte[vocabulary.MaxTokenLength * 2 + 1];
    private int _rank;

    // Runs once over a large list: compiled well at the first call rather than after many.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public MergeTable Read(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        if (json.Length == 0 || !reader.Read() || reader.TokenType != JsonTokenType.StartArray)
            throw node.Error("a list of merges is expected");
        var merges = new MergeTable(CountMerges(json));
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType == JsonTokenType.String)
            {
                AddLine(reader.TokenBytes(), merges);
                continue;
            }
            if (reader.TokenType != JsonTokenType.StartArray)
                throw Error("two tokens are expected");
            Add(ReadPart(ref reader), ReadPart(ref reader), merges);
            if (!reader.Read() || reader.TokenType != JsonTokenType.EndArray)
                throw Error("two tokens are expected, not more");
        }
        return merges;
    }

    /// <summary>Reads the lines of a merges.txt; empty ones say nothing.</summary>
    public MergeTable Read(IReadOnlyCollection<string> lines)
    {
        var merges = new MergeTable(lines.Count);
        foreach (var line in lines)
        {
            if (line.Length > 0)
                AddLine(Utf8.Bytes(line), merges);
        }
        return merges;
    }

    // Each merge opens a list, or has a comma behind it; such characters within tokens only make the table larger.
    private static int CountMerges(ReadOnlySpan<byte> json) =>
        json[1..].TrimStart(" \r\n\t"u8).StartsWith("["u8) ? json.Count((byte)'[') : json.Count((byte)',') + 1;

    private ReadOnlySpan<byte> ReadPart(ref Utf8JsonReader reader) =>
        reader.Read() && reader.TokenType == JsonTokenType.String ? reader.TokenBytes() : throw Error("two tokens are expected");

    private void AddLine(ReadOnlySpan<byte> line, MergeTable merges)
    {
        if (line.StartsWith("#version"u8))
            return;
        var space = line.IndexOf((byte)' ');
        if (space < 0 || line[(space + 1)..].Contains((byte)' '))
            throw Error("two tokens with one space between are expected");
        Add(line[..space], line[(space + 1)..], merges);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Add(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right, MergeTable merges)
    {
        var (leftId, rightId) = (vocabulary.Id(left), vocabulary.Id(right));
        if (leftId < 0 || rightId < 0)
            throw Error($"'{Utf8.Text(leftId < 0 ? left : right)}' is not in the vocabulary");
        if (right.Length < _prefix.Length)
            throw Error($"'{Utf8.Text(right)}' is shorter than the prefix '{continuingPrefix}'");
        left.CopyTo(_joined);
        right[_prefix.Length..].CopyTo(_joined.AsSpan(left.Length));
        var merged = vocabulary.Id(_joined.AsSpan(0, left.Length + right.Length - _prefix.Length));
        if (merged < 0)
            throw Error($"'{Utf8.Text(left)}' and '{Utf8.Text(right)}' join to a token that is not in the vocabulary");
        merges.Add(leftId, rightId, _rank++, merged);
    }

    private TokenizerException Error(string message) => node.Error($"merge {_rank}: {message}");
}
