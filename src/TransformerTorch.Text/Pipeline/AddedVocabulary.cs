using System.Text.Json;
using TransformerTorch.Text.Models;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Pipeline;

/// <summary>
/// The tokens that are found in the text before the model sees it: some in the text as given, some in the normalized text.
/// </summary>
internal sealed class AddedVocabulary
{
    private readonly Dictionary<string, int> _ids = [];
    private readonly SortedDictionary<int, AddedToken> _tokens = [];
    private readonly Dictionary<int, string> _normalizedForms = [];
    private readonly HashSet<string> _special = [];
    private TokenTrie _raw = new();
    private TokenTrie _normalized = new();

    public IReadOnlyDictionary<int, AddedToken> Tokens => _tokens;

    public IReadOnlyDictionary<string, int> Ids => _ids;

    public bool IsSpecial(string token) => _special.Contains(token);

    /// <summary>The token's text for decoding: as it stood in the normalized text.</summary>
    public string? Text(int id) => _normalizedForms.GetValueOrDefault(id) ?? _tokens.GetValueOrDefault(id)?.Content;

    /// <summary>
    /// Adds tokens: those that the model knows keep its id, others are numbered on. Returns how many were new or changed.
    /// </summary>
    public int Add(IEnumerable<AddedToken> tokens, Model model, Func<string, string> normalize)
    {
        var added = 0;
        var next = model.Size;
        if (_tokens.Count > 0 && _tokens.Keys.Max() is var max && (max >= model.Size || model.Size == 0))
            next = max + 1;
        foreach (var token in tokens)
        {
            if (token.Content.Length == 0 || (_ids.TryGetValue(token.Content, out var known) && _tokens.GetValueOrDefault(known) == token))
                continue;
            if (!_ids.TryGetValue(token.Content, out var id) && (id = model.Vocabulary.Id(token.Content)) < 0)
                id = next++;
            _ids[token.Content] = id;
            _tokens[id] = token;
            if (token.Special)
                _special.Add(token.Content);
            if (token.Normalized && normalize(token.Content) is var form && form != token.Content)
                _normalizedForms[id] = form;
            added++;
        }
        Rebuild();
        return added;
    }

    private void Rebuild()
    {
        (_raw, _normalized) = (new TokenTrie(), new TokenTrie());
        foreach (var (id, token) in _tokens)
        {
            var text = Utf8.Bytes(token.Normalized ? _normalizedForms.GetValueOrDefault(id, token.Content) : token.Content);
            if (text.Length > 0)
                (token.Normalized ? _normalized : _raw).Add(text, id);
        }
    }

    /// <summary>Cuts out the tokens that are matched in the text as given.</summary>
    public void CutRaw(TextState state) => Cut(state, _raw);

    /// <summary>Cuts out the tokens that are matched in the normalized text.</summary>
    public void CutNormalized(TextState state) => Cut(state, _normalized);

    // Where there is nothing to find, a piece is cut out whole all the same: what the normalizer took away at its ends is no part of it.
    private void Cut(TextState state, TokenTrie trie)
    {
        state.BeginCutting();
        foreach (var piece in state.Pieces)
        {
            if (piece.IsToken)
                state.Keep(piece);
            else
                Cut(state, piece, trie);
        }
        state.EndCutting();
    }

    private void Cut(TextState state, in Piece piece, TokenTrie trie)
    {
        var text = state.Text.Slice(piece.Start, piece.End);
        var done = 0;
        for (var from = 0; trie.Find(text, from, out var start, out var end, out var id);)
        {
            from = end;
            var token = _tokens[id];
            if (token.SingleWord && (EndsWithWord(text[..start]) || StartsWithWord(text[end..])))
                continue;
            if (token.LeftStrip)
                start = Math.Max(done, SpaceBefore(text, start));
            if (token.RightStrip)
                end = SpaceBehind(text, end);
            state.Cut(piece.Start + done, piece.Start + start);
            state.CutToken(piece.Start + start, piece.Start + end, id, Utf8.Text(text[start..end]));
            done = end;
        }
        state.Cut(piece.Start + done, piece.End);
    }

    private static bool EndsWithWord(ReadOnlySpan<byte> text)
    {
        var at = text.Length;
        return at > 0 && CodePoints.Is(Utf8.Previous(text, ref at), CodePoints.RustWord);
    }

    private static bool StartsWithWord(ReadOnlySpan<byte> text)
    {
        var at = 0;
        return text.Length > 0 && CodePoints.Is(Utf8.Next(text, ref at), CodePoints.RustWord);
    }

    private static int SpaceBefore(ReadOnlySpan<byte> text, int at)
    {
        for (var before = at; before > 0; at = before)
        {
            if (!CodePoints.IsSpace(Utf8.Previous(text, ref before)))
                break;
        }
        return at;
    }

    private static int SpaceBehind(ReadOnlySpan<byte> text, int at)
    {
        for (var behind = at; behind < text.Length; at = behind)
        {
            if (!CodePoints.IsSpace(Utf8.Next(text, ref behind)))
                break;
        }
        return at;
    }

    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartArray("added_tokens");
        foreach (var (id, token) in _tokens)
        {
            writer.WriteStartObject();
            writer.WriteNumber("id", id);
            writer.WriteString("content", token.Content);
            writer.WriteBoolean("single_word", token.SingleWord);
            writer.WriteBoolean("lstrip", token.LeftStrip);
            writer.WriteBoolean("rstrip", token.RightStrip);
            writer.WriteBoolean("normalized", token.Normalized);
            writer.WriteBoolean("special", token.Special);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }
}
