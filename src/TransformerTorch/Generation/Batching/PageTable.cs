namespace TransformerTorch.Generation.Batching;

/// <summary>
/// Who has which page of a <see cref="Layers.PagedCache"/>. A full page of tokens is known by them and by the page before it, so texts that
/// begin alike share their first pages; each page counts who has it. One that nobody has keeps its tokens until it is needed for others,
/// the one that was given back first before the rest. For one thread.
/// </summary>
/// <remarks>
/// Where a model sees no further back than a window, a long text goes round in a ring of pages: a position stands where one stood that
/// is not seen any more. Such a text shares nothing.
/// </remarks>
internal sealed class PageTable
{
    private const long Root = 0; // what stands before a text's first page
    private readonly Page[] _pages;
    private readonly int _size, _ring;
    private readonly Dictionary<Key, Page> _known = [];
    private readonly LinkedList<Page> _free;
    private long _contents = Root;

    /// <param name="pages">how many</param>
    /// <param name="pageSize">positions a page</param>
    /// <param name="reach">positions that a pass reads and writes of a text at most; none: all of them</param>
    public PageTable(int pages, int pageSize, int? reach = null)
    {
        (_size, _ring) = (pageSize, reach is { } most ? PagesFor(most, pageSize) : int.MaxValue);
        _pages = [.. Enumerable.Range(0, pages).Select(i => new Page(i))];
        _free = new LinkedList<Page>(_pages);
        for (var node = _free.First; node is not null; node = node.Next) node.Value.Free = node;
    }

    /// <summary>Pages that can be had.</summary>
    public int Available => _free.Count;

    public int Count => _pages.Length;

    /// <summary>Pages for a text of so many tokens.</summary>
    public int Needed(int tokens) => Math.Min(PagesFor(tokens, _size), _ring);

    /// <summary>
    /// Room for a text of at most so many tokens, the first of them in pages that hold them already where there are such (at least the
    /// prompt's last is not, since its scores are wanted); null where there is no room.
    /// </summary>
    public Lease? TryLease(IReadOnlyList<int> prompt, int most, bool shared)
    {
        var places = PagesFor(most, _size);
        var held = shared && places <= _ring ? Known(prompt) : [];
        var fresh = Needed(most) - held.Count;
        if (fresh > _free.Count - held.Count(p => p.Users == 0)) return null;
        foreach (var page in held) Take(page);
        Page[] pages = [.. held, .. Enumerable.Range(0, fresh).Select(_ => Take(_free.First!.Value, forget: true))];
        return new Lease(this, pages, held.Count, places);
    }

    private static int PagesFor(int tokens, int size) => (tokens + size - 1) / size;

    private List<Page> Known(IReadOnlyList<int> prompt)
    {
        var (found, before) = (new List<Page>(), Root);
        for (var end = _size; end < prompt.Count; end += _size)
        {
            if (!_known.TryGetValue(new Key(before, prompt, end - _size, _size), out var page)) break;
            found.Add(page);
            before = page.Content;
        }
        return found;
    }

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
    internal sealed class Lease(PageTable table, Page[] pages, int shared, int places) : IDisposable
    {
        private long _content = shared == 0 ? Root : pages[shared - 1].Content;
        private int _told; // pages
        private bool _returned;

        /// <summary>Indices of its pages, in the order of its text.</summary>
        public int[] Pages { get; } = [.. Enumerable.Range(0, places).Select(i => pages[i % pages.Length].Index)];

        /// <summary>Tokens that need not be computed.</summary>
        public int Held { get; } = shared * table._size;

        /// <summary>Makes pages that are full known, given all tokens that are computed.</summary>
        public void Tell(IReadOnlyList<int> tokens, int computed)
        {
            if (places > pages.Length) return; // what they hold changes
            for (_told = Math.Max(_told, Held / table._size); (_told + 1) * table._size <= computed; _told++)
            {
                var (key, page) = (new Key(_content, [.. tokens.Skip(_told * table._size).Take(table._size)]), pages[_told]);
                if (table._known.TryAdd(key, page)) (page.Key, page.Content) = (key, ++table._contents);
                _content = table._known[key].Content;
            }
        }

        public void Dispose()
        {
            if (_returned) return;
            _returned = true;
            foreach (var page in pages.Reverse()) table.Return(page); // a text's end is of less use than its beginning
        }
    }

    internal sealed class Page(int index)
    {
        public int Index => index;

        public int Users { get; set; }

        /// <summary>What it holds, if that is known: a number that is given once.</summary>
        public long Content { get; set; }

        public Key? Key { get; set; }

        public LinkedListNode<Page>? Free { get; set; }
    }

    /// <summary>Tokens, and the content before them.</summary>
    internal sealed record Key
    {
        private readonly long _before;
        private readonly int[] _tokens;

        public Key(long before, int[] tokens) => (_before, _tokens) = (before, tokens);

        public Key(long before, IReadOnlyList<int> text, int start, int count) : this(before, new int[count])
        {
            for (var i = 0; i < count; i++) _tokens[i] = text[start + i];
        }

        public bool Equals(Key? other) => other is not null && _before == other._before && _tokens.AsSpan().SequenceEqual(other._tokens);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            hash.Add(_before);
            foreach (var token in _tokens) hash.Add(token);
            return hash.ToHashCode();
        }
    }
}
