using TransformerTorch.Data;

namespace TransformerTorch.Tests.Support;

/// <summary>Examples written and opened again.</summary>
internal static class TokenData
{
    private static readonly byte[] _fingerprint = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    public static ExampleFile Of(TemporaryFolder folder, params int[][] documents)
        => Of(folder, [.. documents.Select(ids => new Example(ids))]);

    public static ExampleFile Of(TemporaryFolder folder, params Example[] examples)
    {
        var (path, columns) = (folder[$"examples-{Guid.NewGuid():N}"], examples[0].Columns.Keys.ToList());
        using (var writer = new ExampleWriter(path, _fingerprint, columns))
        {
            var block = new ExampleBlock(columns);
            foreach (var example in examples) block.Add(example);
            writer.Add(block);
            writer.Finish();
        }
        return ExampleFile.TryOpen(path, _fingerprint, columns)!;
    }
}
