using System.Text;

namespace TransformerTorch.Data.Sources;

/// <summary>How a text file is cut into documents.</summary>
public enum DocumentUnit
{
    /// <summary>The whole file is one document.</summary>
    File,
    /// <summary>Blocks between blank lines are documents.</summary>
    Block,
    /// <summary>Every line that is not blank is a document.</summary>
    Line,
}

/// <summary>Plain UTF-8 text files.</summary>
public sealed class TextFiles : ITextSource
{
    private const int Longest = 1 << 29;
    private readonly FileSet _files;
    private readonly DocumentUnit _unit;

    /// <summary>Resolves the patterns: files, folders (all <c>*.txt</c> and <c>*.md</c>
    /// below) or globs with <c>*</c> and <c>**</c>.</summary>
    /// <exception cref="DataException">A pattern matches no file.</exception>
    public TextFiles(IEnumerable<string> patterns, DocumentUnit unit = DocumentUnit.File)
    {
        (_unit, _files) = (unit, new FileSet(patterns, ".txt", ".md"));
        Identity = $"text/2 {unit}\n{_files.Identity}";
    }

    /// <inheritdoc/>
    public string Identity { get; }

    /// <inheritdoc/>
    public IEnumerable<Document> Read(MalformedRecords malformed) => _files.Files.SelectMany(Documents);

    private IEnumerable<Document> Documents(string file)
    {
        var (text, start) = (new StringBuilder(), 1);
        foreach (var (line, number) in FileSet.Lines(file))
        {
            var ends = _unit == DocumentUnit.Line || (_unit == DocumentUnit.Block && string.IsNullOrWhiteSpace(line));
            if (text.Length == 0) start = number;
            text.Append(line).Append('\n');
            if (text.Length > Longest)
                throw new DataException($"{file}:{start}: more than {Longest >> 20} million characters in one document. " +
                    "Cut it into smaller ones: data.documents: block, or line.");
            if (ends && Take() is { } document) yield return document;
        }
        if (Take() is { } last) yield return last;

        Document? Take()
        {
            var taken = text.ToString().Trim('\n', '\r');
            text.Clear();
            return string.IsNullOrWhiteSpace(taken) ? null : new(taken, place: $"{file}:{start}") { Length = taken.Length };
        }
    }
}
