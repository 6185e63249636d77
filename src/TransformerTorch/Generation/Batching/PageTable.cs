namespace TransformerTorch.Generation.Batching;

/// <summary>
/// Who has which page of one group of a <see cref="Layers.PagedCache"/>'s layers. A full page is known by a key of its tokens and all
/// before them, so texts that begin alike share their first pages; each page counts who has it. One that nobody has keeps its tokens until
/// it is needed for others, the one that was given back first before the rest. For one thread.
/// </summary>
/// <remarks>
/// A text takes further pages as it grows; where layers see no further back than a window, it gives back those that it leaves behind.
/// </remarks>
internal sealed class PageTable
{
    private readonly Page[] _pages;
    private readonly int _size, _window, _most;
    private readonly Dictionary<UInt128, Page> _known = [];
    private readonly LinkedList<Page> _free;

    /// <param name="pages">how many</param>
    /// <param name="pageSize">positions a page</param>
    /// <param name="window">positions that a token sees, its own included; 0: all</param>
    /// <param name="step">tokens of a text that one pass computes at most</param>
    public PageTable(int pages, int pageSize, int window = 0, int step = 0)
    {
        (_size, _window, _most) = (pageSize, window, window == 0 ? int.MaxValue : Most(pageSize, window, step));
        _pages = [.. Enumerable.Range(0, pages).Select(i => new Page(i))];
        _free = new LinkedList<Page>(_pages);
        for (var node = _free.First; node is not null; node = node.Next) node.Value.Free = node;
    }

    /// <summary>Pages that a text has at once at most, however long it is: those of the positions that a pass reads and writes.</summary>
    public static int Most(int pageSize, int window, int step) => ((window - 1 + step + pageSize - 2) / pageSize) + 1;

    /// <summary>Pages that can be had.</summary>
    public int Available => _free.Count;

    public int Count => _pages.Length;

    /// <summary>The most tokens that a text may have for which there is room where there is no other.</summary>
    public int Longest => _most <= Count ? int.MaxValue : Count * _size;

    /// <summary>For each count of pages from none on, whether a text with these keys may begin after them: what it sees is held.</summary>
    public IEnumerable<bool> Beginnings(IEnumerable<UInt128> keys)
    {
        var (count, run) = (0, 0);
        yield return true;
        foreach (var key in keys)
        {
            run = _known.ContainsKey(key) ? run + 1 : 0;
            count++;
            yield return run >= count - First(count * _size);
        }
    }

    /// <summary>
    /// Whether a text of so many tokens may begin, whose first pages have these keys and are held, and each of so many others still take a
    /// page; or whether all have room whatever they come to.
    /// </summary>
    public bool HasRoom(IReadOnlyList<UInt128> held, int tokens, int others)
        => Begun(held.Count, tokens) - held.Count + others <= _free.Count - Seen(held).Count(p => p.Users == 0)
            || (others + 1L) * _most <= Count;

    /// <summary>The pages that such a text begins with.</summary>
    public Lease Begin(IReadOnlyList<UInt128> held, int tokens) => new(this, [.. Seen(held)], held.Count, Begun(held.Count, tokens));

    /// <summary>Pages up to where a text of so many tokens, some pages of them held, can come without giving any back.</summary>
    private int Begun(int held, int tokens) => (int)Math.Min(Pages(tokens), First(held * _size) + (long)_most);

    private int Pages(int tokens) => (tokens + _size - 1) / _size;

    private IEnumerable<Page> Seen(IReadOnlyList<UInt128> held) => held.Skip(First(held.Count * _size)).Select(key => _known[key]);

    /// <summary>The first page that is seen from a position.</summary>
    private int First(int position) => _window == 0 ? 0 : Math.Max(0, position - _window + 1) / _size;

    private Page Take(Page page, bool forget = false)
    {
        if (page.Free is { } node) _free.Remove(node);
        page.Free = null;
        page.Users++;
        if (forget && page.Key is { } key) _known.Remove(key);
        if (forget) page.Key = null;
        return page;
    }

    private void Return(Page page)
    {
        if (--page.Users > 0) return;
        // What holds nothing that is known goes before what may be wanted again.
        page.Free = page.Key is null ? _free.AddFirst(page) : _free.AddLast(page);
    }

    /// <summary>A text's pages, until disposed.</summary>
    internal sealed class Lease : IDisposable
    {
        private readonly PageTable _table;
        private readonly List<Page> _own = []; // by place; those before _first are not its any more
        private readonly List<int> _indices = [];
        private int _first, _told;
        private bool _returned;

        internal Lease(PageTable table, Page[] seen, int held, int pages)
        {
            (_table, _told, _first) = (table, held, held - seen.Length);
            for (var i = 0; i < held; i++) Add(i < _first ? table._pages[0] : table.Take(seen[i - _first]));
            Grow(pages);
        }

        /// <summary>Indices of its pages by their place in the text; those that it has left behind mean nothing.</summary>
        public IReadOnlyList<int> Pages => _indices;

        /// <summary>Whether it has pages for so many tokens, or can take them.</summary>
        public bool CanReach(int tokens) => _table.Pages(tokens) - _own.Count <= _table._free.Count;

        /// <summary>Takes the pages that it lacks for so many tokens.</summary>
        public void Reach(int tokens) => Grow(_table.Pages(tokens));

        /// <summary>So many tokens are computed: full pages become known by their keys, those not seen any more are given back.</summary>
        public void Advance(IReadOnlyList<UInt128> keys, int computed)
        {
            for (; _told < keys.Count; _told++)
                if (_table._known.TryAdd(keys[_told], _own[_told])) _own[_told].Key = keys[_told];
            for (; _first < _table.First(computed); _first++) _table.Return(_own[_first]);
        }

        private void Grow(int pages)
        {
            while (_own.Count < pages) Add(_table.Take(_table._free.First!.Value, forget: true));
        }

        private void Add(Page page)
        {
            _own.Add(page);
            _indices.Add(page.Index);
        }

        public void Dispose()
        {
            if (_returned) return;
            _returned = true;
            for (var i = _own.Count - 1; i >= _first; i--) _table.Return(_own[i]); // a text's end is of less use than its beginning
        }
    }

    internal sealed class Page(int index)
    {
        public int Index => index;

        public int Users { get; set; }

        /// <summary>What it holds, if that is known.</summary>
        public UInt128? Key { get; set; }

        public LinkedListNode<Page>? Free { get; set; }
    }
}
