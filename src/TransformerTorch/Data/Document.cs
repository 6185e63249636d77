using System.Text.Json;
using System.Text.Json.Nodes;

namespace TransformerTorch.Data;

/// <summary>Where a record stands.</summary>
/// <param name="File">The file, or what else holds it.</param>
/// <param name="Line">Its first line, from 1; 0 where there are none.</param>
public readonly record struct RecordPlace(string File, int Line = 0)
{
    /// <summary><c>file:line</c>.</summary>
    public override string ToString() => Line > 0 ? $"{File}:{Line}" : File ?? "";
}

/// <summary>A record of a source: named fields, as JSON has them. Documents with the same key fall into the same split.</summary>
public sealed class Document
{
    private readonly string? _text;     // of plain texts, which are many: their fields are made only for who asks
    private readonly string? _key;

    /// <summary>A record.</summary>
    /// <param name="fields">Its fields.</param>
    /// <param name="key">What decides the split; all of the record where it is null.</param>
    /// <param name="place">Where it stands.</param>
    public Document(JsonObject fields, string? key = null, RecordPlace place = default) => (Fields, _key, Place) = (fields, key, place);

    /// <summary>A text, without any end mark: the field <c>text</c>.</summary>
    public Document(string text, string? key = null, RecordPlace place = default) => (_text, _key, Place) = (text, key ?? text, place);

    /// <summary>Where it stands.</summary>
    public RecordPlace Place { get; }

    /// <summary>Characters that it takes, as far as its source counts them: so many are kept in memory at once.</summary>
    public int Length { get; init; }

    /// <summary>What decides the split.</summary>
    public string Key => _key ?? Fields.ToJsonString();

    /// <summary>The field <c>text</c>.</summary>
    public string Text => TextOf("text");

    private JsonObject Fields => field ??= new JsonObject { ["text"] = _text };

    /// <summary>Whether there is such a field, and it is not null.</summary>
    public bool Has(string field) => Fields[field] is not null;

    /// <summary>A field.</summary>
    /// <exception cref="RecordException">There is none.</exception>
    public JsonNode Node(string field) => Fields[field]
        ?? throw new RecordException($"has no field '{field}'; it has {string.Join(", ", Fields.Select(f => $"'{f.Key}'"))}");

    /// <summary>A field that is a text; numbers and truths are spelt out.</summary>
    /// <exception cref="RecordException">There is none, or it is a list or an object.</exception>
    public string TextOf(string field) => _text is not null && field == "text" ? _text : Node(field) switch
    {
        JsonValue value => value.ToString(),
        var other => throw Wrong(field, "a text", other),
    };

    /// <summary>A field that is a list of texts.</summary>
    /// <exception cref="RecordException">There is none, or it is something else.</exception>
    public IReadOnlyList<string> Strings(string field) => Node(field) is JsonArray list && list.All(item => item is JsonValue)
        ? [.. list.Select(item => item!.ToString())]
        : throw Wrong(field, "a list of texts", Node(field));

    /// <summary>A field that is a number, or a text that spells one.</summary>
    /// <exception cref="RecordException">There is none, or it is something else.</exception>
    public double Number(string field) => double.TryParse(TextOf(field), System.Globalization.NumberStyles.Float,
        System.Globalization.CultureInfo.InvariantCulture, out var value) && double.IsFinite(value)
        ? value : throw Wrong(field, "a number", Node(field));

    /// <summary>A field is not what it should be.</summary>
    public static RecordException Wrong(string field, string expected, JsonNode? found)
    {
        var text = found?.ToJsonString() ?? "null";
        return new($"field '{field}' is {(text.Length > 60 ? text[..60] + "..." : text)}, expected {expected}");
    }
}

/// <summary>Why a record cannot be used; the message goes on after its place.</summary>
public sealed class RecordException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Where documents come from. Reading it twice gives the same documents in the same order.</summary>
public interface ITextSource
{
    /// <summary>What the documents depend on (files, sizes, times, options): it changes
    /// when they may have changed. Quick to compute.</summary>
    string Identity { get; }

    /// <summary>The documents, in a fixed order; what cannot be read is reported and left out.</summary>
    IEnumerable<Document> Read(MalformedRecords malformed);
}

/// <summary>Reading where nothing is to be left out.</summary>
public static class TextSources
{
    /// <summary>The documents, in a fixed order.</summary>
    /// <exception cref="DataException">One is malformed.</exception>
    public static IEnumerable<Document> Read(this ITextSource source) => source.Read(new MalformedRecords(OnMalformed.Fail));
}

/// <summary>Input that is missing or malformed; the message names it and says what to do.</summary>
public sealed class DataException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>What becomes of records that cannot be used.</summary>
public enum OnMalformed
{
    /// <summary>The run ends, naming the record and what is wrong with it.</summary>
    Fail,

    /// <summary>They are left out, counted and listed.</summary>
    Skip,
}

/// <summary>Records that could not be used: counted, and listed up to a number.</summary>
/// <param name="rule">Whether the first ends the run.</param>
public sealed class MalformedRecords(OnMalformed rule)
{
    private const int Listed = 1000;
    private readonly List<string> _listed = [];
    private readonly Lock _lock = new();

    /// <summary>How many.</summary>
    public long Count { get; private set; }

    /// <summary>The first of them, each with its place and what is wrong.</summary>
    public IReadOnlyList<string> First => _listed;

    /// <summary>Counts one.</summary>
    /// <param name="place">Where it stands.</param>
    /// <param name="reason">What is wrong.</param>
    /// <exception cref="DataException">Malformed records are not to be skipped.</exception>
    public void Add(RecordPlace place, string reason)
    {
        var message = $"{place}" is { Length: > 0 } named ? $"{named}: {reason}" : reason;
        if (rule == OnMalformed.Fail)
            throw new DataException($"{message.TrimEnd('.')}. Correct the record, or leave such records out with data.on_malformed: skip.");
        lock (_lock)
        {
            Count++;
            if (_listed.Count < Listed) _listed.Add(message);
        }
    }
}
