using System.Runtime.InteropServices;

namespace TransformerTorch.Data;

/// <summary>A split's examples: a <see cref="TokenFile"/> for each of their columns.</summary>
public sealed class ExampleFile : IDisposable
{
    private ExampleFile(Dictionary<string, TokenFile> columns) => Columns = columns;

    /// <summary>The columns by name; all have as many documents.</summary>
    public IReadOnlyDictionary<string, TokenFile> Columns { get; }

    /// <summary>The tokens.</summary>
    public TokenFile Ids => Columns[Batch.Names.InputIds];

    /// <summary>Examples.</summary>
    public long Count => Ids.DocumentCount;

    /// <summary>Opens the columns of a split.</summary>
    /// <returns>Null where one of them is missing, of another fingerprint or not whole.</returns>
    public static ExampleFile? TryOpen(string path, byte[] fingerprint, IReadOnlyList<string> columns)
    {
        var opened = new Dictionary<string, TokenFile>();
        foreach (var column in columns)
        {
            if (TokenFile.TryOpen(PathOf(path, column), fingerprint) is { } file) opened[column] = file;
            else break;
        }
        if (opened.Count == columns.Count) return new(opened);
        foreach (var file in opened.Values) file.Dispose();
        return null;
    }

    /// <summary>An example.</summary>
    public Example Read(long index)
        => new(Columns.ToDictionary(c => c.Key, c => c.Value.Read(index))) { TextBytes = Ids.BytesOf(index) };

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var file in Columns.Values) file.Dispose();
    }

    internal static string PathOf(string path, string column) => $"{path}.{column}.tokens";
}

/// <summary>Writes an <see cref="ExampleFile"/>.</summary>
internal sealed class ExampleWriter(string path, byte[] fingerprint, IReadOnlyList<string> columns) : IDisposable
{
    private readonly (string Name, TokenFileWriter Writer)[] _columns =
        [.. columns.Select(name => (name, new TokenFileWriter(ExampleFile.PathOf(path, name), fingerprint)))];

    public void Add(ExampleBlock block)
    {
        foreach (var (name, writer) in _columns)
        {
            var start = 0;
            var values = block.Values(name);
            foreach (var (end, textBytes) in block.Ends(name))
            {
                writer.Add(values[start..end], textBytes);
                start = end;
            }
        }
    }

    public void Finish()
    {
        foreach (var (_, writer) in _columns) writer.Finish();
    }

    public void Dispose()
    {
        foreach (var (_, writer) in _columns) writer.Dispose();
    }
}

/// <summary>Examples one after the other, column by column: what is kept of them while they wait to be written.</summary>
internal sealed class ExampleBlock(IReadOnlyList<string> columns)
{
    private readonly Dictionary<string, (List<int> Values, List<(int End, long TextBytes)> Ends)> _columns =
        columns.ToDictionary(name => name, _ => (new List<int>(), new List<(int, long)>()));

    /// <summary>Adds an example.</summary>
    public void Add(Example example)
    {
        foreach (var (name, (values, ends)) in _columns)
        {
            values.AddRange(example.Columns[name]);
            ends.Add((values.Count, name == Batch.Names.InputIds ? (long)example.TextBytes : 0));
        }
    }

    public ReadOnlySpan<int> Values(string column) => CollectionsMarshal.AsSpan(_columns[column].Values);

    /// <summary>For each example where its values end, and the UTF-8 bytes of its text.</summary>
    public IReadOnlyList<(int End, long TextBytes)> Ends(string column) => _columns[column].Ends;
}

/// <summary>A split's examples as they were prepared, each by itself.</summary>
public sealed class WholeExamples(ExampleFile file) : IExamples
{
    private readonly TokenFile[] _texts = file.Columns.TryGetValue(Batch.Names.Labels, out var labels) ? [file.Ids, labels] : [file.Ids];

    /// <inheritdoc/>
    public long Count(long epoch) => file.Count;

    /// <inheritdoc/>
    /// <remarks>What is read or what is to be written, whichever is longer.</remarks>
    public int Length(long index, long epoch) => (int)_texts.Max(text => text.EndOfDocument(index) - text.StartOfDocument(index));

    /// <inheritdoc/>
    public Example Read(long index, long epoch) => file.Read(index);
}

/// <summary>Several sources, one after the other.</summary>
public sealed class Concatenated(IReadOnlyList<IExamples> parts) : IExamples
{
    /// <inheritdoc/>
    public long Count(long epoch) => parts.Sum(part => part.Count(epoch));

    /// <inheritdoc/>
    public int Length(long index, long epoch) => Find(ref index, epoch).Length(index, epoch);

    /// <inheritdoc/>
    public Example Read(long index, long epoch) => Find(ref index, epoch).Read(index, epoch);

    private IExamples Find(ref long index, long epoch)
    {
        foreach (var part in parts)
        {
            if (index < part.Count(epoch)) return part;
            index -= part.Count(epoch);
        }
        throw new ArgumentOutOfRangeException(nameof(index));
    }
}
