using System.Runtime.CompilerServices;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Models;

/// <summary>Tokens and their ids, both ways; tokens are UTF-8 and looked up by span, without allocation.</summary>
/// <remarks>A token given twice keeps its last id; an id given twice names the token given last.</remarks>
internal sealed class Vocabulary(int capacity = 16)
{
    private readonly ByteStrings _tokens = new(capacity);
    private int[] _ids = new int[Math.Max(1, capacity)];
    private readonly List<(int Id, int Index)> _formerIds = [];
    private int[]? _tokenOfId; // number of the token plus one
    private Dictionary<int, int>? _tokenOfSparseId;

    /// <summary>Different tokens.</summary>
    public int Count => _tokens.Count;

    /// <summary>The greatest id, or -1.</summary>
    public int MaxId { get; private set; } = -1;

    /// <summary>Bytes of the longest token.</summary>
    public int MaxTokenLength { get; private set; }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(ReadOnlySpan<byte> token, int id)
    {
        (_tokenOfId, _tokenOfSparseId) = (null, null);
        MaxId = Math.Max(MaxId, id);
        MaxTokenLength = Math.Max(MaxTokenLength, token.Length);
        var index = _tokens.FindOrAdd(token);
        if (index == _ids.Length)
            Array.Resize(ref _ids, index * 2);
        _ids[index] = id;
    }

    /// <summary>The same, but an id whose token is given again keeps naming it.</summary>
    public void AddKeepingIds(ReadOnlySpan<byte> token, int id)
    {
        var index = _tokens.Find(token);
        if (index >= 0)
            _formerIds.Add((_ids[index], index));
        Add(token, id);
    }

    public void Add(string token, int id) => Add(Utf8.Bytes(token), id);

    /// <summary>The id of <paramref name="token"/>, or -1.</summary>
    public int Id(ReadOnlySpan<byte> token)
    {
        var index = _tokens.Find(token);
        return index < 0 ? -1 : _ids[index];
    }

    /// <summary>The id of <paramref name="token"/>, or -1.</summary>
    public int Id(string token) => Id(Utf8.Bytes(token));

    /// <summary>Whether some token has this id, and its UTF-8.</summary>
    public bool TryToken(int id, out ReadOnlySpan<byte> token)
    {
        token = default;
        if ((uint)id > (uint)MaxId)
            return false;
        if (_tokenOfId is null && _tokenOfSparseId is null)
            IndexIds();
        var index = _tokenOfId is not null ? _tokenOfId[id] - 1 : _tokenOfSparseId!.GetValueOrDefault(id, -1);
        if (index >= 0)
            token = _tokens[index];
        return index >= 0;
    }

    /// <summary>The tokens as they came, from 0.</summary>
    public ReadOnlySpan<byte> Token(int index, out int id)
    {
        id = _ids[index];
        return _tokens[index];
    }

    /// <summary>All tokens in ascending order of id.</summary>
    public IEnumerable<(int Id, byte[] Token)> InOrder()
    {
        foreach (var index in Enumerable.Range(0, Count).OrderBy(index => _ids[index]))
            yield return (_ids[index], _tokens[index].ToArray());
    }

    /// <summary>Prepares looking up by id. The first look-up does it too, but not safely for other threads.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void IndexIds()
    {
        if (MaxId >= 4L * Count + 1024)
        {
            var sparse = new Dictionary<int, int>(Count);
            for (var index = 0; index < Count; index++)
                sparse[_ids[index]] = index;
            foreach (var (id, index) in _formerIds)
                sparse[id] = index;
            _tokenOfSparseId = sparse;
            return;
        }
        var dense = new int[MaxId + 1];
        for (var index = 0; index < Count; index++)
            dense[_ids[index]] = index + 1;
        foreach (var (id, index) in _formerIds)
            dense[id] = index + 1;
        _tokenOfId = dense;
    }
}
