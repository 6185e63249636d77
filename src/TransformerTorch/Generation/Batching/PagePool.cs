using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace TransformerTorch.Generation.Batching;

/// <summary>The pages of all groups of layers: a text has some of each, and begins where all of them have what it sees.</summary>
internal sealed class PagePool(IReadOnlyList<PageTable> tables, int pageSize)
{
    /// <summary>Pages that can be had.</summary>
    public int Available => tables.Sum(t => t.Available);

    public int Count => tables.Sum(t => t.Count);

    /// <summary>The most tokens that a text may have for which there is room where there is no other.</summary>
    public int Longest => tables.Min(t => t.Longest);

    /// <summary>Of a text's first pages, by their keys, those that it may begin after.</summary>
    public IReadOnlyList<UInt128> Held(IReadOnlyList<UInt128> beginning)
    {
        var usable = tables.Select(t => t.Beginnings(beginning)).Aggregate((a, b) => a.Zip(b, (x, y) => x && y)).ToList();
        return [.. beginning.Take(usable.LastIndexOf(true))];
    }

    /// <summary>
    /// Room for a text and its next token, the first of it in pages that hold it already where there are such (at least its last token is
    /// not, since its scores are wanted); null where there is no room.
    /// </summary>
    /// <param name="text">as it is</param>
    /// <param name="keys">its own; null: nothing is shared</param>
    /// <param name="others">texts that grow beside it: a free page is left to each, or the next steps would take this one's again</param>
    public TextPages? TryLease(IReadOnlyList<int> text, PageKeys? keys, int others)
    {
        var held = Held(keys?.Beginning(text) ?? []);
        if (!tables.All(t => t.HasRoom(held, text.Count + 1, others))) return null;
        return new TextPages([.. tables.Select(t => t.Begin(held, text.Count + 1))], keys, held.Count * pageSize, pageSize);
    }
}

/// <summary>A text's pages in all groups, until disposed.</summary>
internal sealed class TextPages(IReadOnlyList<PageTable.Lease> leases, PageKeys? keys, int held, int pageSize) : IDisposable
{
    /// <summary>Tokens that need not be computed.</summary>
    public int Held => held;

    /// <summary>Indices of its pages, by group and by place in the text.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Pages => [.. leases.Select(l => l.Pages)];

    /// <summary>Takes the pages that it lacks for so many tokens, if there are enough.</summary>
    public bool TryReach(int tokens)
    {
        if (!leases.All(l => l.CanReach(tokens))) return false;
        foreach (var lease in leases) lease.Reach(tokens);
        return true;
    }

    /// <summary>So many of the text's tokens are computed.</summary>
    public void Advance(IReadOnlyList<int> text, int computed)
    {
        var known = keys?.Of(text, computed / pageSize) ?? [];
        foreach (var lease in leases) lease.Advance(known, computed);
    }

    public void Dispose()
    {
        foreach (var lease in leases) lease.Dispose();
    }
}

/// <summary>
/// What a text's full pages are known by: each a digest (SHA-256, half of it) of its tokens and of what comes before, found once. Texts
/// with the same key hold the same tokens up to there.
/// </summary>
internal sealed class PageKeys(int pageSize)
{
    private readonly List<UInt128> _keys = [];

    public int PageSize => pageSize;

    /// <summary>Of the pages that a text may find: its last token is in none of them, since its scores are wanted.</summary>
    public IReadOnlyList<UInt128> Beginning(IReadOnlyList<int> text) => Of(text, (text.Count - 1) / pageSize);

    /// <summary>Of all its pages that are full.</summary>
    public IReadOnlyList<UInt128> Full(IReadOnlyList<int> text) => Of(text, text.Count / pageSize);

    /// <summary>Of the first so many pages.</summary>
    public IReadOnlyList<UInt128> Of(IReadOnlyList<int> text, int pages)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        while (_keys.Count < pages)
        {
            var (at, content) = (_keys.Count * pageSize, new int[pageSize + 4]);
            for (var i = 0; i < pageSize; i++) content[4 + i] = text[at + i];
            if (_keys.Count > 0) MemoryMarshal.Write(MemoryMarshal.AsBytes(content.AsSpan(0, 4)), _keys[^1]);
            SHA256.HashData(MemoryMarshal.AsBytes(content.AsSpan()), digest);
            _keys.Add(MemoryMarshal.Read<UInt128>(digest));
        }
        return _keys.Count == pages ? _keys : [.. _keys.Take(pages)];
    }
}
