using FsCheck;
using FsCheck.Xunit;
using TransformerTorch.Data;
using TransformerTorch.Tests.Support;

namespace TransformerTorch.Tests.Data;

public sealed class BatchLoaderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TokenFile _file;

    public BatchLoaderTests()
    {
        // Ids that count up: a window is known by its first.
        TokenFileWriter.Write(_folder["t"], new byte[32], [new(new string('x', 402))], t => [.. t.Select((_, i) => i)], endMark: 402);
        _file = TokenFile.TryOpen(_folder["t"], new byte[32])!;
    }

    public void Dispose()
    {
        _file.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void An_epoch_gives_every_window_once_in_an_order_of_its_own()
    {
        var loader = new BatchLoader(new(_file, 10), seed: 1);

        var first = Starts(loader, 40);
        var second = Starts(loader, loader.State.Epoch == 0 ? 39 : 0);

        Assert.Equal(Enumerable.Range(0, 40).Select(i => i * 10L), first.Order());
        Assert.NotEqual(first.Order(), first);
        Assert.Equal(1, loader.State.Epoch);
        Assert.Single(second.Select(s => s % 10).Distinct());    // cut at one other offset
        Assert.Equal(second.Count, second.Distinct().Count());
    }

    [Property(MaxTest = 50)]
    public void It_goes_on_exactly_where_its_state_was_taken(NonNegativeInt before, PositiveInt rows, int seed)
    {
        var (batch, packed) = (rows.Get % 7 + 1, new PackedTokens(_file, 10));
        var whole = new BatchLoader(packed, seed);
        for (var i = 0; i < before.Get; i++) whole.Next(batch);

        var resumed = new BatchLoader(packed, seed, whole.State);

        for (var i = 0; i < 60; i++) Assert.Equal(whole.Next(batch), resumed.Next(batch));
    }

    [Fact]
    public void It_goes_on_from_the_very_end_of_an_epoch()
        => It_goes_on_exactly_where_its_state_was_taken(NonNegativeInt.NewNonNegativeInt(10),
            PositiveInt.NewPositiveInt(3), 0);

    [Fact]
    public void Seeds_give_orders_of_their_own()
    {
        Assert.NotEqual(Starts(new(new(_file, 10), seed: 1), 40), Starts(new(new(_file, 10), seed: 2), 40));
        Assert.Equal(Starts(new(new(_file, 10), seed: 1), 40), Starts(new(new(_file, 10), seed: 1), 40));
    }

    [Fact]
    public void Data_shorter_than_a_window_and_a_state_of_other_data_are_refused()
    {
        Assert.Contains("too few", Assert.Throws<DataException>(() => new BatchLoader(new(_file, 300), seed: 1)).Message,
            StringComparison.Ordinal);
        var state = new BatchLoader(new(_file, 10), seed: 1).State;
        Assert.Contains("changed", Assert.Throws<DataException>(() => new BatchLoader(new(_file, 20), seed: 1, state)).Message,
            StringComparison.Ordinal);
    }

    private static List<long> Starts(BatchLoader loader, int windows) => [.. Enumerable.Range(0, windows).Select(_ => loader.Next(1)[0])];
}
