using TransformerTorch.Data;
using TransformerTorch.Tests.Support;

namespace TransformerTorch.Tests.Data;

public sealed class TokenFileTests : IDisposable
{
    private const int End = 300;
    private static readonly byte[] _fingerprint = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(70_000)]    // ids beyond 16 bits take four bytes
    public void Ids_and_document_ends_come_back_as_written(int shift)
    {
        using var file = Write(["ab", "", "cde"], c => c + shift);

        Assert.Equal((8, 3, 5), (file.Count, file.DocumentCount, file.TextBytes));
        Assert.Equal([97 + shift, 98 + shift, End, End, 99 + shift, 100 + shift, 101 + shift, End], All(file));
        Assert.Equal([3L, 4, 8], Enumerable.Range(0, 3).Select(i => file.EndOfDocument(i)));
    }

    [Fact]
    public void Bytes_are_counted_in_utf8_and_divided_inside_a_document()
    {
        using var file = Write(["äö", "cd"]);    // 4 bytes in 3 tokens, 2 bytes in 3 tokens

        Assert.Equal([0, 4 / 3.0, 8 / 3.0, 4, 4 + 2 / 3.0, 4 + 4 / 3.0, 6], Enumerable.Range(0, 7).Select(i => file.BytesUpTo(i)));
    }

    [Fact]
    public void A_file_of_another_fingerprint_is_stale()
    {
        Write(["ab"]).Dispose();

        Assert.Null(TokenFile.TryOpen(_folder["t.tokens"], new byte[32]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(40)]
    public void A_truncated_file_is_not_opened(int missing)
    {
        Write(["ab"]).Dispose();
        var path = _folder["t.tokens"];
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^missing]);

        Assert.Null(TokenFile.TryOpen(path, _fingerprint));
    }

    [Fact]
    public void A_failure_while_writing_leaves_the_former_file_and_nothing_else()
    {
        Write(["ab"]).Dispose();

        using (var writer = new TokenFileWriter(_folder["t.tokens"], _fingerprint)) writer.Add([1, 2, 3]);     // never finished

        using var file = TokenFile.TryOpen(_folder["t.tokens"], _fingerprint);
        Assert.Equal([97, 98, End], All(file!));
        Assert.Single(Directory.GetFileSystemEntries(_folder.Root));
    }

    [Theory]
    [InlineData(0, 255, 1)]
    [InlineData(0, 256, 2)]
    [InlineData(0, 65_536, 4)]
    [InlineData(-100, 5, 4)]
    public void Values_take_the_fewest_bytes_that_hold_them_all(int least, int greatest, int width)
    {
        using (var writer = new TokenFileWriter(_folder["w"], _fingerprint))
        {
            writer.Add([least, greatest]);
            writer.Finish();
        }

        using var file = TokenFile.TryOpen(_folder["w"], _fingerprint)!;
        Assert.Equal([least, greatest], file.Read(0));
        Assert.Equal(72 + 8 + 16, new FileInfo(_folder["w"]).Length);    // two values of at most four bytes fill eight
        Assert.Equal(width, BitConverter.ToInt32(File.ReadAllBytes(_folder["w"]), 12));
    }

    [Fact]
    public void Windows_make_every_token_but_the_first_a_target_once()
    {
        using var file = TokenData.Of(_folder, [Enumerable.Range(0, 41).ToArray()]);
        var windows = new Windows(file, new(4) { Overlap = 1 });

        var targets = Enumerable.Range(0, (int)windows.Count(0)).SelectMany(i => windows.Read(i, 0).Ids[1..]);

        Assert.Equal(Enumerable.Range(1, 40), targets);
    }

    private TokenFile Write(string[] texts, Func<int, int>? id = null)
    {
        var path = _folder["t.tokens"];
        using (var writer = new TokenFileWriter(path, _fingerprint))
        {
            foreach (var text in texts)
                writer.Add([.. text.Select(c => id?.Invoke(c) ?? c), End], System.Text.Encoding.UTF8.GetByteCount(text));
            writer.Finish();
        }
        return TokenFile.TryOpen(path, _fingerprint)!;
    }

    private static int[] All(TokenFile file)
    {
        var ids = new int[file.Count];
        file.Read(0, ids);
        return ids;
    }
}
