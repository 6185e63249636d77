using System.Text.Json;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Models;

/// <summary>
/// WordPiece as BERT uses it (Wu et al. 2016, arXiv:1609.08144; greedy, longest piece first): a word of pieces, or unknown.
/// </summary>
internal sealed class WordPieceModel : Model
{
    private readonly ByteTrie _heads;
    private readonly ByteTrie _tails;
    private readonly int _unknownId;

    public WordPieceModel(Vocabulary vocabulary, string unknownToken, string prefix, int maxWordLength)
    {
        (Vocabulary, UnknownToken, Prefix, MaxWordLength) = (vocabulary, unknownToken, prefix, maxWordLength);
        _unknownId = vocabulary.Id(unknownToken);
        _heads = new ByteTrie(vocabulary.Count * 4);
        _tails = new ByteTrie(vocabulary.Count);
        var prefixBytes = Utf8.Bytes(prefix);
        foreach (var (id, token) in vocabulary.InOrder())
        {
            _heads.Add(token, id);
            if (token.AsSpan().StartsWith(prefixBytes))
                _tails.Add(token.AsSpan(prefixBytes.Length), id);
        }
        vocabulary.IndexIds();
    }

    public override Vocabulary Vocabulary { get; }

    public string UnknownToken { get; }

    /// <summary>Stands before pieces that do not begin a word.</summary>
    public string Prefix { get; }

    /// <summary>Words of more characters are unknown.</summary>
    public int MaxWordLength { get; }

    public override void Tokenize(ReadOnlySpan<byte> piece, ModelScratch scratch)
    {
        if (scratch.Cache.TryGet(piece, scratch.Sink))
            return;
        var from = scratch.Sink.Count;
        if (Utf8.CountCodePoints(piece) > MaxWordLength || !AddPieces(piece, scratch.Sink))
        {
            scratch.Sink.Truncate(from);
            if (_unknownId < 0)
                throw new TokenizerException($"the text needs the unknown token '{UnknownToken}', which is not in the vocabulary");
            scratch.Sink.Add(_unknownId, 0, piece.Length);
        }
        scratch.Cache.Add(piece, scratch.Sink, from);
    }

    private bool AddPieces(ReadOnlySpan<byte> word, TokenSink sink)
    {
        for (var start = 0; start < word.Length;)
        {
            var (length, id) = (start == 0 ? _heads : _tails).Longest(word[start..]);
            if (length == 0)
                return false;
            sink.Add(id, start, start + length);
            start += length;
        }
        return true;
    }

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "WordPiece");
        writer.WriteString("unk_token", UnknownToken);
        writer.WriteString("continuing_subword_prefix", Prefix);
        writer.WriteNumber("max_input_chars_per_word", MaxWordLength);
        WriteVocabulary(writer);
        writer.WriteEndObject();
    }
}
