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
            if (text.Length == 0) start = number;
            if (text.Length + line.Length >= Longest)
                throw new DataException($"{file}:{start}: more than {Longest >> 20} million characters in one document. " +
                    "Cut it into smaller ones: data.documents: block, or line.");
            if (_unit == DocumentUnit.Line)
            {
                if (!string.IsNullOrWhiteSpace(line)) yield return Of(line, number);
                continue;
            }
            text.Append(line).Append('\n');
            if (_unit == DocumentUnit.Block && string.IsNullOrWhiteSpace(line) && Take() is { } document) yield return document;
        }
        if (Take() is { } last) yield return last;

        Document? Take()
        {
            var taken = text.ToString().Trim('\n', '\r');
            text.Clear();
            return string.IsNullOrWhiteSpace(taken) ? null : Of(taken, start);
        }

        Document Of(string taken, int line) => new(taken, place: new(file, line)) { Length = taken.Length };
    }
}
