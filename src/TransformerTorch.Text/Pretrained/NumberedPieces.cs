using TransformerTorch.Text.Json;
using TransformerTorch.Text.Models;
using TransformerTorch.Text.SentencePiece;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Pretrained;

/// <summary>
/// Families whose sentencepiece model cuts the text while a vocab.json gives the pieces their ids (huggingface/transformers,
/// models/marian/tokenization_marian.py and models/m2m_100/tokenization_m2m_100.py). A piece without an id is the unknown token.
/// Punctuation is not rewritten first, which Transformers does for Marian only where sacremoses is installed.
/// </summary>
internal static class NumberedPieces
{
    // M2M100's languages, whose tokens follow the vocabulary in this order.
    private static readonly string[] _languages =
    [
        .. ("af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr fy ga gd gl gu ha he hi hr ht hu hy id ig ilo is "
        + "it ja jv ka kk km kn ko lb lg ln lo lt lv mg mk ml mn mr ms my ne nl no ns oc or pa pl ps pt ro ru sd si sk sl so sq sr ss su "
        + "sv sw ta th tl tn tr uk ur uz vi wo xh yi yo zh zu").Split(' ').Select(code => $"__{code}__"),
    ];

    /// <summary>Numbers the model's pieces as the vocab.json beside it says.</summary>
    /// <exception cref="TokenizerException">It is not there, or its ids are not 0, 1, 2 ...</exception>
    public static void Apply(SentencePieceFile file, string vocabularyPath, TokenizerConfig config, bool hasLanguages)
    {
        if (!File.Exists(vocabularyPath))
            throw new TokenizerException($"{vocabularyPath}: it is not there, and without it the sentencepiece model's pieces have no ids");
        if (config["separate_vocabs"].Boolean(absent: false))
            throw new TokenizerException($"{config.Name}: separate_vocabs: a vocabulary for each language cannot be served");
        if (file.Algorithm != SentencePieceAlgorithm.Unigram)
            throw new TokenizerException($"{vocabularyPath}: it can number a unigram model's pieces, not those of {file.Algorithm}");
        var vocabulary = ModelReader.ReadVocabulary(new Node(default, vocabularyPath, "$"), File.ReadAllBytes(vocabularyPath));
        var pieces = Numbered(file, vocabulary, vocabularyPath, config.Named("unk")?.Content ?? "<unk>");
        if (hasLanguages)
        {
            pieces.AddRange(_languages.Select(token => new SentencePiece.SentencePiece(Utf8.Bytes(token), 0, PieceKind.Unused)));
            config.Default("lang", AddedToken.SpecialToken($"__{config["src_lang"].StringOrNull() ?? "en"}__"));
        }
        var known = pieces.Count;
        pieces.AddRange(file.Pieces.Where(piece => piece.Kind == PieceKind.Normal && vocabulary.Id(piece.Text) < 0));
        file.Rearrange([.. pieces]);
        file.NumberedCount = known;
    }

    /// <summary>Marian's target languages, ">>fra&lt;&lt;", which a text begins with.</summary>
    public static IEnumerable<AddedToken> Targets(SentencePieceFile file) => file.Pieces.Select(piece => Utf8.Text(piece.Text))
        .Where(text => text.StartsWith(">>", StringComparison.Ordinal) && text.EndsWith("<<", StringComparison.Ordinal))
        .Select(text => new AddedToken(text) { Normalized = false });

    private static List<SentencePiece.SentencePiece> Numbered(
        SentencePieceFile file, Vocabulary vocabulary, string path, string unknown)
    {
        var own = file.Pieces.ToDictionary(piece => Utf8.Text(piece.Text));
        var pieces = new List<SentencePiece.SentencePiece>();
        for (var id = 0; id < vocabulary.Count; id++)
        {
            if (!vocabulary.TryToken(id, out var bytes))
                throw new TokenizerException($"{path}: no token has id {id}, though there are {vocabulary.Count}");
            var text = Utf8.Text(bytes);
            var kind = text == unknown ? PieceKind.Unknown : own.TryGetValue(text, out var piece) ? piece.Kind : PieceKind.Unused;
            pieces.Add(new SentencePiece.SentencePiece(bytes.ToArray(), own.GetValueOrDefault(text).Score, kind));
        }
        return pieces;
    }
}
