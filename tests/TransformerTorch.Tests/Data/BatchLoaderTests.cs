using FsCheck;
using FsCheck.Xunit;
using TransformerTorch.Data;
using TransformerTorch.Data.Collators;
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
        using var loader = Loader(seed: 1);

        var first = Starts(loader, 40);
        var second = Starts(loader, 39);

        Assert.Equal(Enumerable.Range(0, 40).Select(i => i * 10L), first.Order());
        Assert.NotEqual(first.Order(), first);
        Assert.Equal(1, loader.State.Parts[0].Epoch);
        Assert.Single(second.Select(s => s % 10).Distinct());    // cut at one other offset
        Assert.Equal(second.Count, second.Distinct().Count());
    }

    [Property(MaxTest = 50)]
    public void It_goes_on_exactly_where_its_state_was_taken(NonNegativeInt before, PositiveInt rows, int seed)
    {
        using var whole = Loader(seed, rows.Get % 7 + 1);
        for (var i = 0; i < before.Get; i++) whole.NextBatch();

        using var resumed = Loader(seed, rows.Get % 7 + 1, whole.State);

        for (var i = 0; i < 60; i++)
            Assert.Equal(whole.NextBatch()[Batch.Names.InputIds].Integers, resumed.NextBatch()[Batch.Names.InputIds].Integers);
    }

    [Fact]
    public void It_goes_on_from_the_very_end_of_an_epoch()
        => It_goes_on_exactly_where_its_state_was_taken(NonNegativeInt.NewNonNegativeInt(10),
            PositiveInt.NewPositiveInt(3), 0);

    [Fact]
    public void Seeds_give_orders_of_their_own()
    {
        Assert.NotEqual(Starts(Loader(seed: 1), 40), Starts(Loader(seed: 2), 40));
        Assert.Equal(Starts(Loader(seed: 1), 40), Starts(Loader(seed: 1), 40));
    }

    [Fact]
    public void Data_shorter_than_a_window_and_a_state_of_other_data_are_refused()
    {
        Assert.Contains("too short", Assert.Throws<DataException>(() => BatchLoader.Beginning(new Windows(_file, 500, 1), 1)).Message,
            StringComparison.Ordinal);
        var state = Loader(seed: 1).State;
        Assert.Contains("changed", Assert.Throws<DataException>(
            () => new BatchLoader(new Windows(_file, 20, 1), new NextTokenCollator(), 1, state)).Message, StringComparison.Ordinal);
    }

    [Property(MaxTest = 100)]
    public void A_permutation_gives_every_place_once(PositiveInt count, long seed)
        => Assert.Equal(Enumerable.Range(0, count.Get).Select(i => (long)i), Order(count.Get, seed).Order());

    [Fact]
    public void Permutations_have_as_few_fixed_places_and_rising_neighbours_as_random_ones()
    {
        // Expected of a random order: one place of a thousand that keeps its value, half of the neighbours rising (sd 9).
        var orders = Enumerable.Range(0, 200).Select(seed => Order(1000, seed)).ToList();

        Assert.InRange(orders.Average(o => o.Where((value, place) => value == place).Count()), 0.6, 1.4);
        Assert.InRange(orders.Average(o => o.Zip(o.Skip(1)).Count(p => p.First < p.Second)), 495, 504);
    }

    private static List<long> Order(int count, long seed)
    {
        var order = new Permutation(count, SplitMix.Of(seed));
        return [.. Enumerable.Range(0, count).Select(place => order[place])];
    }

    private BatchLoader Loader(long seed, int rows = 1, LoaderState? state = null)
    {
        var windows = new Windows(_file, stride: 10, overlap: 1, seed);
        return new(windows, new NextTokenCollator(), rows, state ?? BatchLoader.Beginning(windows, seed));
    }

    private static List<long> Starts(BatchLoader loader, int windows)
        => [.. Enumerable.Range(0, windows).Select(_ => loader.NextBatch()[Batch.Names.InputIds].Integers[0])];
}
