using System.Text;
using Microsoft.Extensions.FileSystemGlobbing;

namespace TransformerTorch.Data;

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
    private static readonly UTF8Encoding _strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private readonly List<string> _files;
    private readonly DocumentUnit _unit;

    /// <summary>Resolves the patterns: files, folders (all <c>*.txt</c> and <c>*.md</c>
    /// below) or globs with <c>*</c> and <c>**</c>.</summary>
    /// <exception cref="DataException">A pattern matches no file.</exception>
    public TextFiles(IEnumerable<string> patterns, DocumentUnit unit = DocumentUnit.File)
    {
        _unit = unit;
        _files = patterns.SelectMany(Resolve).Distinct().Order(StringComparer.Ordinal).ToList();
        var described = _files.Select(f => $"{Path.GetFullPath(f)}:{new FileInfo(f).Length}:{File.GetLastWriteTimeUtc(f).Ticks}");
        Identity = $"text/1 {unit}\n" + string.Join('\n', described);
    }

    /// <inheritdoc/>
    public string Identity { get; }

    /// <inheritdoc/>
    public IEnumerable<Document> Read()
    {
        foreach (var file in _files)
        {
            using var reader = new StreamReader(file, _strictUtf8);
            var line = 0;
            string? Next()
            {
                try { line++; return reader.ReadLine(); }
                catch (DecoderFallbackException e)
                {
                    throw new DataException(
                        $"{file}: not UTF-8 near line {line} ({e.Message}). Convert it, e.g. `iconv -f latin1 -t utf-8`.", e);
                }
            }
            foreach (var document in Cut(Next)) yield return new(document);
        }
    }

    private IEnumerable<string> Cut(Func<string?> next)
    {
        var text = new StringBuilder();
        while (next() is { } line)
        {
            var ends = _unit == DocumentUnit.Line || (_unit == DocumentUnit.Block && string.IsNullOrWhiteSpace(line));
            text.Append(line).Append('\n');
            if (ends && Take() is { } document) yield return document;
        }
        if (Take() is { } last) yield return last;

        string? Take()
        {
            var taken = text.ToString().Trim('\n', '\r');
            text.Clear();
            return string.IsNullOrWhiteSpace(taken) ? null : taken;
        }
    }

    private static IEnumerable<string> Resolve(string pattern)
    {
        if (File.Exists(pattern)) return [pattern];
        var found = Directory.Exists(pattern)
            ? Directory.EnumerateFiles(pattern, "*", SearchOption.AllDirectories).Where(f => Path.GetExtension(f) is ".txt" or ".md")
            : Glob(pattern);
        var files = found.ToList();
        return files.Count > 0 ? files
            : throw new DataException($"data.files: nothing matches '{pattern}' (from {Directory.GetCurrentDirectory()}).");
    }

    private static IEnumerable<string> Glob(string pattern)
    {
        var star = pattern.IndexOf('*', StringComparison.Ordinal);
        if (star < 0) return [];
        var cut = pattern.LastIndexOfAny(['/', Path.DirectorySeparatorChar], star);
        var root = cut < 0 ? "." : pattern[..Math.Max(cut, 1)];
        return new Matcher(StringComparison.Ordinal).AddInclude(pattern[(cut + 1)..]).GetResultsInFullPath(root);
    }
}
