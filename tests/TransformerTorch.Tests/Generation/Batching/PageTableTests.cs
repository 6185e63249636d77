using FsCheck.Xunit;
using TransformerTorch.Generation.Batching;

namespace TransformerTorch.Tests.Generation.Batching;

/// <summary>Truth: who has which page and what each page holds, kept beside the pool by the test.</summary>
public sealed class PageTableTests
{
    [Fact]
    public void Texts_that_begin_alike_share_full_pages_but_never_the_last_token()
    {
        var pool = new PagePool([new PageTable(pages: 8, pageSize: 2)], pageSize: 2);
        using var first = Lease(pool, [1, 2, 3, 4, 5])!;
        first.Advance([1, 2, 3, 4, 5], 5);

        using var same = Lease(pool, [1, 2, 3, 4])!;
        using var other = Lease(pool, [9, 2, 3, 4, 5])!;

        Assert.Equal(2, same.Held);
        Assert.Equal(first.Pages[0][0], same.Pages[0][0]);
        Assert.Equal(0, other.Held);
        Assert.Equal(8 - 3 - 2 - 3, pool.Available);
        Assert.Null(Lease(pool, [7]));
    }

    [Fact]
    public void A_text_takes_pages_as_it_grows_and_begins_only_where_each_other_can_take_one_more()
    {
        var pool = new PagePool([new PageTable(pages: 4, pageSize: 2)], pageSize: 2);
        using var first = Lease(pool, [1])!;
        Assert.Equal(3, pool.Available);
        Assert.Null(Lease(pool, [2, 3, 4, 5], others: 1)); // three pages with its next token, and one for the first

        using (Lease(pool, [2, 3], others: 1)!)
        {
            Assert.Equal(1, pool.Available);
            Assert.True(first.TryReach(4));
            Assert.False(first.TryReach(5));
        }
        Assert.True(first.TryReach(5));
        Assert.Equal(1, pool.Available);
    }

    [Fact]
    public void A_page_that_was_given_back_is_found_again_until_others_need_it()
    {
        var pool = new PagePool([new PageTable(pages: 3, pageSize: 2)], pageSize: 2);
        using (var first = Lease(pool, [1, 2, 3])!) first.Advance([1, 2, 3, 4], 4);
        Assert.Equal(3, pool.Available);

        using (var again = Lease(pool, [1, 2, 3, 4, 5])!) Assert.Equal(4, again.Held);
        using (Lease(pool, [8, 8, 8, 8, 8])!) Assert.Equal(0, pool.Available);
        using var gone = Lease(pool, [1, 2, 3])!;
        Assert.Equal(0, gone.Held);
    }

    [Fact]
    public void Layers_with_a_window_give_pages_back_as_a_text_leaves_them_behind_and_others_keep_theirs()
    {
        var (all, near) = (new PageTable(pages: 20, pageSize: 2), new PageTable(pages: 10, pageSize: 2, window: 4, step: 3));
        var pool = new PagePool([all, near], pageSize: 2);
        int[] text = [.. Enumerable.Range(1, 30)];
        using (var lease = Lease(pool, text[..5])!)
        {
            for (var computed = 0; computed < text.Length; computed += 3)
            {
                Assert.True(lease.TryReach(computed + 3));
                Assert.Equal(20 - Math.Max(3, (computed + 4) / 2), all.Available);
                Assert.InRange(10 - near.Available, 1, PageTable.Most(2, 4, 3));
                lease.Advance(text, computed + 3);
                Assert.InRange(10 - near.Available, 1, 3); // three positions are seen beside the next
            }
            Assert.Equal(15, lease.Pages[0].Distinct().Count());
        }
        Assert.Equal(30, pool.Available);
    }

    [Fact]
    public void A_text_begins_where_layers_with_a_window_still_have_what_it_sees()
    {
        var (all, near) = (new PageTable(pages: 20, pageSize: 2), new PageTable(pages: 4, pageSize: 2, window: 3, step: 2));
        var pool = new PagePool([all, near], pageSize: 2);
        int[] text = [.. Enumerable.Range(1, 12)];
        Write(pool, text);

        using (var again = Lease(pool, [.. text, 13])!) Assert.Equal(12, again.Held); // its last pages are held in both
        using (var shorter = Lease(pool, [.. text[..4], 99])!)
            Assert.Equal(0, shorter.Held); // the near layers' pages of its beginning went to its end
        Write(pool, [.. Enumerable.Range(50, 12)]);
        using var gone = Lease(pool, [.. text, 13])!;
        Assert.Equal(0, gone.Held);
    }

    [Property(MaxTest = 200)]
    public void No_page_is_written_by_two_what_is_seen_is_as_written_and_all_come_back(int seed)
    {
        var random = new Random(seed);
        var windows = new[] { 0, 1 + random.Next(7) };
        const int size = 2, step = 3;
        int[] counts = [12, 10];
        var pool = new PagePool(
            [.. windows.Zip(counts, (window, pages) => new PageTable(pages, size, window, step))], size);
        var contents = counts.Select(pages => new string?[pages, size]).ToArray(); // by group and slot, the text up to that token
        var live = new List<(TextPages Pages, int[] Text, int Computed)>();
        for (var turn = 0; turn < 80; turn++)
        {
            if (random.Next(3) == 0)
            {
                int[] text = [.. Enumerable.Range(0, random.Next(1, 16)).Select(_ => random.Next(2))];
                if (Lease(pool, text[..random.Next(1, text.Length + 1)], live.Count) is { } lease) live.Add((lease, text, lease.Held));
                else Assert.NotEmpty(live); // one alone has room
                continue;
            }
            if (live.Count == 0) continue;
            var at = random.Next(live.Count);
            var (pages, whole, computed) = live[at];
            var count = Math.Min(1 + random.Next(step), whole.Length - computed);
            if (count == 0 || random.Next(8) == 0 || !pages.TryReach(computed + count))
            {
                Assert.True(live.Count > 1 || pages.TryReach(computed + count));
                pages.Dispose();
                live.RemoveAt(at);
                continue;
            }
            for (var group = 0; group < windows.Length; group++)
            {
                for (var i = computed; i < computed + count; i++) Slot(group, i) = string.Concat(whole.Take(i + 1));
                var first = windows[group] == 0 ? 0 : Math.Max(0, computed - windows[group] + 1);
                for (var i = first; i < computed + count; i++) Assert.Equal(string.Concat(whole.Take(i + 1)), Slot(group, i));
            }
            pages.Advance(whole, computed + count);
            live[at] = (pages, whole, computed + count);

            ref string? Slot(int group, int position) => ref contents[group][pages.Pages[group][position / size], position % size];
        }
        foreach (var (pages, _, _) in live) pages.Dispose();
        Assert.Equal(counts.Sum(), pool.Available);
    }

    private static TextPages? Lease(PagePool pool, int[] text, int others = 0) => pool.TryLease(text, new PageKeys(2), others);

    private static void Write(PagePool pool, int[] text)
    {
        using var pages = Lease(pool, text)!;
        for (var computed = pages.Held; computed < text.Length; computed += 2)
        {
            pages.TryReach(computed + 2);
            pages.Advance(text, computed + 2);
        }
    }
}
