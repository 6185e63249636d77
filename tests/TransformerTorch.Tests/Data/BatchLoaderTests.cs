using FsCheck;
using FsCheck.Xunit;
using TransformerTorch.Data;
using TransformerTorch.Data.Collators;
using TransformerTorch.Tests.Support;

namespace TransformerTorch.Tests.Data;

public sealed class BatchLoaderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ExampleFile _file;

    // Ids that count up: a window is known by its first.
    public BatchLoaderTests() => _file = TokenData.Of(_folder, [Enumerable.Range(0, 403).ToArray()]);

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

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_pass_is_counted_batch_by_batch_also_where_batches_are_arranged_in_chunks(bool grouped)
    {
        LoaderPart[] parts = [new(Windows(10)), new(Windows(10))];     // of 40 windows each
        LoaderOptions options = new() { Rows = 5, GroupByLength = grouped };
        BatchLoader Loader(LoaderState state) => new(parts, new NextTokenCollator(), options, state);
        using var loader = Loader(BatchLoader.Beginning(parts, 1));

        for (var batch = 1; batch <= 80; batch++)
        {
            loader.NextBatch();
            Assert.Equal(batch / 16.0, loader.Epochs, 1e-12);
            using var resumed = Loader(loader.State);
            Assert.Equal(loader.Epochs, resumed.Epochs);
        }
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
        Assert.Contains("too short", Assert.Throws<DataException>(() => BatchLoader.Beginning([new(Windows(500))], 1)).Message,
            StringComparison.Ordinal);
        var state = Loader(seed: 1).State;
        Assert.Contains("changed", Assert.Throws<DataException>(
            () => new BatchLoader([new(Windows(20))], new NextTokenCollator(), new() { Rows = 1 }, state)).Message,
            StringComparison.Ordinal);
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

    [Property(MaxTest = 60)]
    public void Every_way_of_making_batches_goes_on_exactly_with_and_without_threads(NonNegativeInt before, int seed, byte kind)
    {
        var random = SplitMix.Of(seed, kind);
        LoaderPart Part(int count, double weight) => new(new WholeExamples(TokenData.Of(_folder, [.. Enumerable.Range(1, count)
            .Select(i => Enumerable.Repeat(i, 1 + random.Below(30)).ToArray())])), weight);
        LoaderPart[] parts = kind % 3 == 0 ? [Part(70, 1), Part(9, 3)] : [Part(150, 1)];
        var options = new LoaderOptions
        {
            Rows = 1 + kind % 5, GroupByLength = kind % 2 == 0, MaxTokens = kind % 7 == 0 ? 64 : 0, PackedLength = kind % 11 == 0 ? 40 : 0,
        };
        BatchLoader Make(LoaderState state, int prefetch) => new(parts, new Copying(), options with { Prefetch = prefetch }, state);
        using var whole = Make(BatchLoader.Beginning(parts, seed), prefetch: 0);
        for (var i = 0; i < before.Get * 3; i++) whole.NextBatch();

        using var resumed = Make(whole.State, prefetch: 3);

        for (var i = 0; i < 100; i++)
        {
            var (a, b) = (whole.NextBatch(), resumed.NextBatch());
            Assert.Equal(a[Batch.Names.InputIds].Shape, b[Batch.Names.InputIds].Shape);
            Assert.Equal(a[Batch.Names.InputIds].Integers, b[Batch.Names.InputIds].Integers);
            Assert.Equal(a[Batch.Names.Labels].Integers, b[Batch.Names.Labels].Integers);
            Assert.Equal(System.Text.Json.JsonSerializer.Serialize(whole.State), System.Text.Json.JsonSerializer.Serialize(resumed.State));
        }
    }

    [Fact]
    public void Grouping_packing_and_a_token_budget_lose_no_example_and_keep_their_promises()
    {
        var random = SplitMix.Of(5);
        using var file = TokenData.Of(_folder,
            [.. Enumerable.Range(1, 640).Select(i => Enumerable.Repeat(i, 1 + random.Below(30)).ToArray())]);
        List<int> Pass(LoaderOptions options, Action<Batch> check)
        {
            LoaderPart[] parts = [new(new WholeExamples(file))];
            using var loader = new BatchLoader(parts, new Copying(), options, BatchLoader.Beginning(parts, 3));
            var seen = new List<int>();
            while (loader.State.Chunk == 0)      // 64 batches of 10 are one pass
            {
                var batch = loader.NextBatch();
                check(batch);
                seen.AddRange(batch[Batch.Names.InputIds].Integers.Where(id => id > 0).Select(id => (int)id).Distinct());
            }
            return [.. seen.Order()];
        }
        var all = Enumerable.Range(1, 640);
        var (padding, tokens) = (0L, 0L);
        void Count(Batch batch) => (padding, tokens) = (padding + batch[Batch.Names.InputIds].Integers.Count(id => id == 0),
            tokens + batch[Batch.Names.InputIds].Values.Length);

        Assert.Equal(all, Pass(new() { Rows = 10, GroupByLength = true }, Count));
        Assert.True(padding < 0.05 * tokens, $"{padding} of {tokens}");      // drawn at random, it is near half
        Assert.Equal(all, Pass(new() { Rows = 10, MaxTokens = 100 }, b => Assert.True(b[Batch.Names.InputIds].Values.Length <= 100)));
        (padding, tokens) = (0, 0);
        Assert.Equal(all, Pass(new() { Rows = 10, PackedLength = 60 }, b =>
        {
            Count(b);
            Assert.True(b[Batch.Names.InputIds].Shape[1] <= 60);
            // Each document of a row is one example, whole.
            foreach (var (id, document) in b[Batch.Names.InputIds].Integers.Zip(b[Batch.Names.Documents].Integers))
                Assert.Equal(id == 0, document == 0);
        }));
        Assert.True(padding < 0.05 * tokens, $"{padding} of {tokens}");
    }

    [Fact]
    public void Masked_documents_share_rows_each_in_a_frame_of_its_own()
    {
        const int end = 9999, length = 20;
        using var file = TokenData.Of(_folder, [.. Enumerable.Range(1, 256)
            .Select(i => (int[])[.. Enumerable.Repeat(1000 + i, 1 + i * 7 % 11), end])]);
        var framing = new Framing(Fixtures.Tokenizer("bert-uncased"));
        var (cls, sep) = (framing.One([]).Ids[0], framing.One([]).Ids[1]);
        var masking = new Masking { MlmProbability = 1, MaskReplaceProb = 0, RandomReplaceProb = 0 };   // all to predict, none replaced
        var collator = new MaskedCollator(masking, new(3, 2000, new HashSet<int> { end }), framing, padding: 0);
        LoaderPart[] parts = [new(new Pieces(file, length - 2, finished: tokens => tokens + 2))];
        using var loader = new BatchLoader(parts, collator, new() { Rows = 4, PackedLength = length }, BatchLoader.Beginning(parts, 3));
        var (seen, padding, all) = (new List<long>(), 0, 0);
        while (loader.State.Chunk == 0)     // 64 batches of 4 are one pass
        {
            var batch = loader.NextBatch();
            var (ids, labels) = (batch[Batch.Names.InputIds].Integers, batch[Batch.Names.Labels].Integers);
            var documents = batch[Batch.Names.Documents];
            var width = (int)documents.Shape[1];
            Assert.True(width <= length);
            foreach (var one in documents.Integers.Select((document, i) => (Row: i / width, document, i)).GroupBy(t => (t.Row, t.document)))
            {
                long[] text = [.. one.Select(t => ids[t.i])], wanted = [.. one.Select(t => labels[t.i])];
                all += text.Length;
                if (one.Key.document == 0)
                {
                    padding += text.Length;
                    Assert.All(wanted, label => Assert.Equal(-100, label));
                    continue;
                }
                Assert.Equal((cls, sep), (text[0], text[^1]));
                Assert.Equal([-100, .. text[1..^1], -100], wanted);
                seen.Add(text[1..^1].Distinct().Single());
            }
        }

        Assert.Equal(Enumerable.Range(1001, 256).Select(i => (long)i), seen.Order());
        Assert.True(padding < 0.05 * all, $"{padding} of {all}");       // each in a row of its own, it is near half
    }

    [Fact]
    public void A_mixture_draws_by_weight_and_passes_over_each_source_at_its_own_pace()
    {
        LoaderPart Part(int id, int count, double weight) => new(new WholeExamples(TokenData.Of(_folder,
            [.. Enumerable.Range(0, count).Select(_ => new[] { id })])), weight);
        LoaderPart[] parts = [Part(1, 500, 3), Part(2, 50, 1)];
        using var loader = new BatchLoader(parts, new Copying(), new() { Rows = 100 }, BatchLoader.Beginning(parts, 1));

        var drawn = Enumerable.Range(0, 20).SelectMany(_ => loader.NextBatch()[Batch.Names.InputIds].Integers).ToList();

        Assert.InRange(drawn.Count(id => id == 1), 1500 - 80, 1500 + 80);    // four standard deviations
        Assert.Equal([1500, 500], loader.State.Parts.Select(p => (int)Math.Round((p.Epoch * p.Count + p.Index) / 100.0) * 100));
    }

    [Fact]
    public void Windows_tell_documents_apart_and_never_predict_the_next_ones_first_token()
    {
        using var file = TokenData.Of(_folder, [1, 2, 3], [4, 5], [6, 7, 8, 9]);
        var windows = new Windows(file, new(8) { Overlap = 1, Isolated = true });

        var batch = new NextTokenCollator().Collate([windows.Read(0, 0)], SplitMix.Of(0));

        Assert.Equal([1, 1, 1, 2, 2, 3, 3, 3], batch[Batch.Names.Documents].Integers);
        Assert.Equal([2, 3, -100, 5, -100, 7, 8, 9], batch[Batch.Names.ShiftLabels].Integers);
        Assert.Equal(6, batch.TargetCount);
    }

    private sealed class Copying : ICollator
    {
        // What is drawn is part of the batch: equal batches drew alike.
        public Example Finished(Example example, SplitMix random)
            => new(new Dictionary<string, int[]>(example.Columns) { [Batch.Names.Labels] = [random.Below(1000)] });

        public Batch Collate(IReadOnlyList<Example> finished) => new PaddingCollator(LabelKind.Tokens, padding: 0).Collate(finished);
    }

    private BatchLoader Loader(long seed, int rows = 1, LoaderState? state = null)
    {
        LoaderPart[] parts = [new(Windows(10, seed))];
        return new(parts, new NextTokenCollator(), new() { Rows = rows }, state ?? BatchLoader.Beginning(parts, seed));
    }

    private Windows Windows(int stride, long? seed = null) => new(_file, new(stride) { Overlap = 1, Seed = seed });

    private static List<long> Starts(BatchLoader loader, int windows)
        => [.. Enumerable.Range(0, windows).Select(_ => loader.NextBatch()[Batch.Names.InputIds].Integers[0])];
}
