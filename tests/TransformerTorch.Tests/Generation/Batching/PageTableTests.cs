using FsCheck.Xunit;
using TransformerTorch.Generation.Batching;

namespace TransformerTorch.Tests.Generation.Batching;

/// <summary>Truth: who has which page, kept beside the table by the test.</summary>
public sealed class PageTableTests
{
    [Fact]
    public void Texts_that_begin_alike_share_full_pages_but_never_the_last_token()
    {
        var table = new PageTable(pages: 8, pageSize: 2);
        using var first = table.TryLease([1, 2, 3, 4, 5], 6, shared: true)!;
        first.Tell([1, 2, 3, 4, 5], 5);

        using var same = table.TryLease([1, 2, 3, 4], 4, shared: true)!;
        using var other = table.TryLease([9, 2, 3, 4, 5], 6, shared: true)!;

        Assert.Equal(2, same.Held);
        Assert.Equal(first.Pages[0], same.Pages[0]);
        Assert.Equal(0, other.Held);
        Assert.Equal(8 - 3 - 1 - 3, table.Available);
        Assert.Null(table.TryLease([7], 4, shared: true));
    }

    [Fact]
    public void A_page_that_was_given_back_is_found_again_until_others_need_it()
    {
        var table = new PageTable(pages: 3, pageSize: 2);
        using (var first = table.TryLease([1, 2, 3], 4, shared: true)!) first.Tell([1, 2, 3, 4], 4);
        Assert.Equal(3, table.Available);

        using (var again = table.TryLease([1, 2, 3, 4, 5], 5, shared: true)!) Assert.Equal(4, again.Held);
        using (table.TryLease([8], 6, shared: true)!) Assert.Equal(0, table.Available);
        using var gone = table.TryLease([1, 2, 3], 4, shared: true)!;
        Assert.Equal(0, gone.Held);
    }

    [Fact]
    public void A_text_longer_than_what_is_ever_seen_of_it_goes_round_in_a_ring_and_shares_nothing()
    {
        var table = new PageTable(pages: 4, pageSize: 2, reach: 5);
        using (var text = table.TryLease([1, 2, 3], 13, shared: true)!)
        {
            Assert.Equal(7, text.Pages.Length);
            Assert.Equal(3, text.Pages.Distinct().Count());
            Assert.Equal(text.Pages[..4], text.Pages[3..]);
            Assert.Equal(1, table.Available);
            text.Tell([.. Enumerable.Range(1, 13)], 13);
        }
        using var again = table.TryLease([1, 2, 3], 4, shared: true)!;
        Assert.Equal(0, again.Held);
    }

    [Property(MaxTest = 200)]
    public void A_page_is_never_written_by_two_and_all_come_back(int seed)
    {
        var (random, table) = (new Random(seed), new PageTable(pages: 12, pageSize: 2));
        var live = new List<(PageTable.Lease Lease, int[] Text)>();
        for (var step = 0; step < 60; step++)
        {
            if (live.Count > 0 && random.Next(2) == 0)
            {
                var leaving = live[random.Next(live.Count)];
                leaving.Lease.Dispose();
                live.Remove(leaving);
                continue;
            }
            int[] text = [.. Enumerable.Range(0, random.Next(1, 9)).Select(_ => random.Next(2))];
            if (table.TryLease(text, text.Length + random.Next(4), shared: true) is not { } lease) continue;
            Assert.True(lease.Held < text.Length);
            var written = lease.Pages.Skip(lease.Held / 2).ToHashSet();
            Assert.DoesNotContain(live.SelectMany(l => l.Lease.Pages), written.Contains);
            foreach (var (other, began) in live)
                for (var i = 0; i < lease.Held / 2; i++)
                    if (other.Pages.Length > i && other.Pages[i] == lease.Pages[i])
                        Assert.Equal(began.Take((i + 1) * 2), text.Take((i + 1) * 2));
            lease.Tell(text, text.Length);
            live.Add((lease, text));
        }
        foreach (var (lease, _) in live) lease.Dispose();
        Assert.Equal(12, table.Available);
    }
}
