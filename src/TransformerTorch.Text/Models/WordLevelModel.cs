using System.Text.Json;

namespace TransformerTorch.Text.Models;

/// <summary>Each piece is a token, or unknown.</summary>
internal sealed class WordLevelModel : Model
{
    private readonly int _unknownId;

    public WordLevelModel(Vocabulary vocabulary, string unknownToken)
    {
        (Vocabulary, UnknownToken) = (vocabulary, unknownToken);
        _unknownId = vocabulary.Id(unknownToken);
        vocabulary.IndexIds();
    }

    public override Vocabulary Vocabulary { get; }

    public string UnknownToken { get; }

    public override void Tokenize(ReadOnlySpan<byte> piece, ModelScratch scratch)
    {
        var id = Vocabulary.Id(piece);
        if (id < 0 && _unknownId < 0)
            throw new TokenizerException($"the text needs the unknown token '{UnknownToken}', which is not in the vocabulary");
        scratch.Sink.Add(id < 0 ? _unknownId : id, 0, piece.Length);
    }

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "WordLevel");
        WriteVocabulary(writer);
        writer.WriteString("unk_token", UnknownToken);
        writer.WriteEndObject();
    }
}
