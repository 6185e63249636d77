using System.Text.Json;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Models;

/// <summary>
/// The unigram language model (Kudo 2018, arXiv:1804.10959): the pieces whose scores add up to most. A character that is no piece is
/// unknown, at the lowest score less 10; unknown ones beside each other are one token.
/// </summary>
internal sealed class UnigramModel : Model
{
    private const double UnknownPenalty = 10;

    private readonly double[] _scores;
    private readonly PathScores? _path;
    private readonly double[] _pathScores;
    private readonly ByteTrie _trie;
    private readonly int[] _byteTokens = new int[256];
    private readonly double _unknownScore;

    /// <param name="pieces">UTF-8 and score; the index is the id.</param>
    /// <param name="unknownId">Null: unknown text is an error.</param>
    /// <param name="byteFallback">Unknown text becomes the tokens of its bytes, where the vocabulary has them.</param>
    /// <param name="path">What the pieces count on the way, where this is not their scores in double precision.</param>
    public UnigramModel(IReadOnlyList<(byte[] Token, double Score)> pieces, int? unknownId, bool byteFallback, PathScores? path = null)
    {
        (UnknownId, ByteFallback) = (unknownId, byteFallback);
        _scores = [.. pieces.Select(piece => piece.Score)];
        _path = path;
        _pathScores = path?.Scores ?? _scores;
        _unknownScore = path?.Unknown
            ?? _scores.Where(score => !double.IsNaN(score)).DefaultIfEmpty(double.PositiveInfinity).Min() - UnknownPenalty;
        Vocabulary = new Vocabulary(pieces.Count);
        _trie = new ByteTrie(pieces.Count * 3);
        for (var id = 0; id < pieces.Count; id++)
        {
            Vocabulary.AddKeepingIds(pieces[id].Token, id);
            if (pieces[id].Token.Length > 0 && !double.IsNaN(_pathScores[id]))
                _trie.Add(pieces[id].Token, id);
        }
        for (var value = 0; value < 256; value++)
            _byteTokens[value] = Vocabulary.Id($"<0x{value:X2}>");
        Vocabulary.IndexIds();
    }

    public override Vocabulary Vocabulary { get; }

    public int? UnknownId { get; }

    public bool ByteFallback { get; }

    public override int Size => Math.Min(_scores.Length, _path?.Known ?? int.MaxValue);

    public double Score(int id) => _scores[id];

    public override void Tokenize(ReadOnlySpan<byte> piece, ModelScratch scratch)
    {
        var sink = scratch.Sink;
        if (scratch.Cache.TryGet(piece, sink))
            return;
        var from = sink.Count;
        var path = scratch.Path(piece.Length + 1);
        FillPath(piece, path);
        ReadBack(piece, path, scratch);
        if (sink.Values.Count == 0)
            scratch.Cache.Add(piece, sink, from);
    }

    private void FillPath(ReadOnlySpan<byte> text, Span<PathNode> path)
    {
        path.Fill(new PathNode { Start = -1 });
        for (var start = 0; start < text.Length;)
        {
            var length = Utf8.LengthFromFirst(text[start]);
            var score = path[start].Score;
            var whole = false; // whether the character alone is a piece
            var node = ByteTrie.Root;
            for (var at = start; at < text.Length; at++)
            {
                node = _trie.Child(node, text[at]);
                if (node < 0)
                    break;
                if (_trie.Value(node) is not (>= 0 and var id))
                    continue;
                path[at + 1].Improve(start, id, Rounded(score + _pathScores[id]));
                whole |= at + 1 - start == length;
            }
            if (!whole)
            {
                var unknown = UnknownId ?? throw new TokenizerException("the text has a character that is no piece, and unk_id is missing");
                path[start + length].Improve(start, unknown, Rounded(score + _unknownScore));
            }
            start += length;
        }
    }

    private double Rounded(double score) => _path is null ? score : (float)score;

    private void ReadBack(ReadOnlySpan<byte> text, ReadOnlySpan<PathNode> path, ModelScratch scratch)
    {
        var steps = scratch.Steps;
        steps.Clear();
        for (var end = text.Length; end > 0; end = path[end].Start)
        {
            var fuse = path[end].Id == UnknownId && steps.Count > 0 && steps[^1].Id == UnknownId;
            var stop = fuse ? steps[^1].End : end;
            if (fuse)
                steps.RemoveAt(steps.Count - 1);
            steps.Add((path[end].Id, path[end].Start, stop));
        }
        for (var i = steps.Count - 1; i >= 0; i--)
        {
            var (id, start, end) = steps[i];
            if (id == UnknownId)
                AddUnknown(text[start..end], start, scratch.Sink);
            else
                scratch.Sink.Add(id < Size ? id : UnknownId!.Value, start, end);
        }
    }

    private void AddUnknown(ReadOnlySpan<byte> text, int start, TokenSink sink)
    {
        var end = start + text.Length;
        // Where the pieces are numbered by another list, it may know what the model does not.
        if (_path is not { Known: int.MaxValue } && Vocabulary.Id(text) is >= 0 and var id)
        {
            sink.Add(id, start, end);
            return;
        }
        if (ByteFallback && !HasMissingByte(text))
        {
            foreach (var value in text)
                sink.Add(_byteTokens[value], start, end);
            return;
        }
        if (_path is null or { ShowsUnknown: true })
            sink.Values[sink.Count] = Utf8.Text(text);
        sink.Add(UnknownId!.Value, start, end);
    }

    private bool HasMissingByte(ReadOnlySpan<byte> text)
    {
        foreach (var value in text)
        {
            if (_byteTokens[value] < 0)
                return true;
        }
        return false;
    }

    public override void Write(Utf8JsonWriter writer)
    {
        if (Size < _scores.Length)
            throw new TokenizerException("pieces that cut the text but have no id cannot be saved: tokenizer.json has no word for them");
        writer.WriteStartObject();
        writer.WriteString("type", "Unigram");
        if (UnknownId is { } unknown)
            writer.WriteNumber("unk_id", unknown);
        else
            writer.WriteNull("unk_id");
        writer.WriteStartArray("vocab");
        for (var id = 0; id < _scores.Length; id++)
        {
            writer.WriteStartArray();
            Vocabulary.TryToken(id, out var token);
            writer.WriteStringValue(token);
            writer.WriteNumberValue(_scores[id]);
            writer.WriteEndArray();
        }
        writer.WriteEndArray();
        writer.WriteBoolean("byte_fallback", ByteFallback);
        writer.WriteEndObject();
    }
}

/// <summary>What pieces count on the way through a text as sentencepiece's own library counts: in single precision.</summary>
/// <param name="Scores">By id; not a number: the piece is not matched.</param>
/// <param name="Unknown">The score of an unknown character.</param>
internal sealed record PathScores(double[] Scores, double Unknown)
{
    /// <summary>Pieces from this number on cut the text, but have no id: they are the unknown token.</summary>
    public int Known { get; init; } = int.MaxValue;

    /// <summary>Whether an unknown token is spelled as the text that it stands for; otherwise as the vocabulary spells it.</summary>
    public bool ShowsUnknown { get; init; }
}

/// <summary>The best way to a place in the text: where its last piece begins (-1: no way yet), that piece, and the score so far.</summary>
internal struct PathNode
{
    public int Start;
    public int Id;
    public double Score;

    public void Improve(int start, int id, double score)
    {
        if (Start < 0 || score > Score)
            (Start, Id, Score) = (start, id, score);
    }
}
