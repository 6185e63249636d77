using System.IO.Compression;
using System.Text;
using Microsoft.Extensions.FileSystemGlobbing;

namespace TransformerTorch.Data.Sources;

/// <summary>Files by name, folder or glob, in a fixed order; read as strict UTF-8, unpacked where they end in <c>.gz</c>.</summary>
internal sealed class FileSet
{
    private static readonly UTF8Encoding _strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Resolves the patterns: files, folders (all below with one of the endings), globs with <c>*</c> and <c>**</c>.</summary>
    /// <exception cref="DataException">A pattern matches no file.</exception>
    public FileSet(IEnumerable<string> patterns, params string[] endings)
    {
        Files = [.. patterns.SelectMany(pattern => Resolve(pattern, endings)).Distinct().Order(StringComparer.Ordinal)];
        Identity = string.Join('\n', Files.Select(
            f => $"{Path.GetFullPath(f)}:{new FileInfo(f).Length}:{File.GetLastWriteTimeUtc(f).Ticks}"));
    }

    public IReadOnlyList<string> Files { get; }

    /// <summary>Names, sizes and times.</summary>
    public string Identity { get; }

    public static StreamReader Open(string file)
    {
        Stream stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        if (file.EndsWith(".gz", StringComparison.Ordinal)) stream = new GZipStream(stream, CompressionMode.Decompress);
        return new StreamReader(stream, _strictUtf8);
    }

    /// <summary>The lines of a file with their numbers, from 1.</summary>
    /// <exception cref="DataException">It is not UTF-8.</exception>
    public static IEnumerable<(string Text, int Number)> Lines(string file)
    {
        using var reader = Open(file);
        for (var line = 1; Guarded(file, line, reader.ReadLine) is { } text; line++) yield return (text, line);
    }

    /// <summary>Reads from a file.</summary>
    /// <exception cref="DataException">It is not UTF-8 there, or a damaged archive.</exception>
    public static T Guarded<T>(string file, long line, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (DecoderFallbackException e)
        {
            throw new DataException(
                $"{file}: not UTF-8 near line {line} ({e.Message}). Convert it, e.g. `iconv -f latin1 -t utf-8`.", e);
        }
        catch (InvalidDataException e)
        {
            throw new DataException($"{file}: not a whole gzip file near line {line} ({e.Message}). Fetch it again, or unpack it.", e);
        }
    }

    private static List<string> Resolve(string pattern, string[] endings)
    {
        if (File.Exists(pattern)) return [pattern];
        var found = Directory.Exists(pattern)
            ? Directory.EnumerateFiles(pattern, "*", SearchOption.AllDirectories).Where(f => endings.Any(e => Ends(f, e)))
            : Glob(pattern);
        var files = found.ToList();
        return files.Count > 0 ? files
            : throw new DataException($"data.files: nothing matches '{pattern}' (from {Directory.GetCurrentDirectory()}).");
    }

    private static bool Ends(string file, string ending)
        => file.EndsWith(ending, StringComparison.Ordinal) || file.EndsWith(ending + ".gz", StringComparison.Ordinal);

    private static IEnumerable<string> Glob(string pattern)
    {
        var star = pattern.IndexOf('*', StringComparison.Ordinal);
        if (star < 0) return [];
        var cut = pattern.LastIndexOfAny(['/', Path.DirectorySeparatorChar], star);
        var root = cut < 0 ? "." : pattern[..Math.Max(cut, 1)];
        return new Matcher(StringComparison.Ordinal).AddInclude(pattern[(cut + 1)..]).GetResultsInFullPath(root);
    }
}
