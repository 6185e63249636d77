using System.Globalization;
using System.Text.Json.Nodes;
using CsvHelper;
using CsvHelper.Configuration;

namespace TransformerTorch.Data.Sources;

/// <summary>Files with a record on each row (RFC 4180), the names of the fields in the first or given.</summary>
public sealed class Tables : ITextSource
{
    private readonly FileSet _files;
    private readonly TableOptions _options;

    /// <summary>Resolves the patterns: files, folders (all <c>*.csv</c> and <c>*.tsv</c> below) or globs.</summary>
    /// <exception cref="DataException">A pattern matches no file.</exception>
    public Tables(IEnumerable<string> patterns, TableOptions options)
    {
        (_options, _files) = (options, new FileSet(patterns, ".csv", ".tsv"));
        Identity = $"csv/1 {options.Delimiter} {options.Quotes} {string.Join('\t', options.Columns ?? [])}\n{_files.Identity}";
    }

    /// <inheritdoc/>
    public string Identity { get; }

    /// <inheritdoc/>
    public IEnumerable<Document> Read(MalformedRecords malformed) => _files.Files.SelectMany(file => Rows(file, malformed));

    private IEnumerable<Document> Rows(string file, MalformedRecords malformed)
    {
        string? bad = null;
        var tabs = file.Replace(".gz", "", StringComparison.Ordinal).EndsWith(".tsv", StringComparison.Ordinal);
        using var reader = FileSet.Open(file);
        using var parser = new CsvParser(reader, new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            Delimiter = _options.Delimiter ?? (tabs ? "\t" : ","), Mode = _options.Quotes ? CsvMode.RFC4180 : CsvMode.NoEscape,
            BadDataFound = found => bad = found.Field,
        });
        var names = _options.Columns;
        while (true)
        {
            var line = parser.RawRow + 1;
            if (!FileSet.Guarded(file, line, parser.Read)) break;
            var (fields, place, quoted) = (parser.Record!, new RecordPlace(file, line), bad);
            bad = null;
            if (names is null)
            {
                names = fields;
                var twice = names.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1);
                if (twice is not null) throw new DataException($"{place}: the column '{twice.Key}' is named twice. Rename one.");
            }
            else if (quoted is not null) malformed.Add(place, $"a quote inside the field {quoted.Trim()} that is not doubled");
            else if (fields.Length != names.Count)
                malformed.Add(place, $"{fields.Length} fields, where there are {names.Count} columns ({string.Join(", ", names)})");
            else
            {
                var record = new JsonObject(names.Zip(fields, (n, f) => KeyValuePair.Create(n, (JsonNode?)f)));
                yield return new(record, place: place) { Length = fields.Sum(field => field.Length) };
            }
        }
    }
}

/// <summary>How the rows of a table are written.</summary>
/// <param name="Delimiter">Between fields; null: a tab in <c>.tsv</c>, else a comma.</param>
/// <param name="Columns">Names of the fields; null: the first row has them.</param>
/// <param name="Quotes">Whether quotes enclose fields.</param>
public sealed record TableOptions(string? Delimiter, IReadOnlyList<string>? Columns, bool Quotes = true);
