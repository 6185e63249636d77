using TransformerTorch.Text.Models;
using TransformerTorch.Text.Normalizers;
using TransformerTorch.Text.PreTokenizers;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.SentencePiece;

/// <summary>How a sentencepiece model becomes a tokenizer.</summary>
internal enum SentencePieceUse
{
    /// <summary>As sentencepiece's own library uses it: control pieces are never found in a text, and decode to nothing.</summary>
    Alone,

    /// <summary>As Transformers does: control and user-defined pieces are added tokens.</summary>
    WithAddedTokens,
}

/// <summary>What Transformers' tokenizers do to a text besides sentencepiece.</summary>
internal sealed record SentencePieceStyle
{
    /// <summary>Before sentencepiece's own normalizer.</summary>
    public IReadOnlyList<INormalizer> Before { get; init; } = [];

    /// <summary>Decoding takes away white space around the text.</summary>
    public bool TrimsText { get; init; }

    /// <summary>Adds the space before the text in sentencepiece's place.</summary>
    public PreTokenizer? PreTokenizer { get; init; }
}

/// <summary>A sentencepiece model -> tokenizer: a model of pieces, sentencepiece's normalizer and its decoder.</summary>
internal static class SentencePieceReader
{
    private const float UnknownPenalty = 10;

    public static Tokenizer Read(ReadOnlySpan<byte> bytes, string name) =>
        Build(SentencePieceFile.Read(bytes, name), name, SentencePieceUse.Alone);

    /// <param name="file">The model.</param>
    /// <param name="name">Stands for the file in errors.</param>
    /// <param name="use">Whose meaning it gets.</param>
    /// <param name="style">What is done to the text besides; null: nothing.</param>
    public static Tokenizer Build(SentencePieceFile file, string name, SentencePieceUse use, SentencePieceStyle? style = null)
    {
        try
        {
            return Build(file, use, style ?? new SentencePieceStyle());
        }
        catch (TokenizerException exception)
        {
            throw new TokenizerException($"{name}: {exception.Message}", exception);
        }
    }

    private static Tokenizer Build(SentencePieceFile file, SentencePieceUse use, SentencePieceStyle style)
    {
        var whole = use == SentencePieceUse.Alone ? UserDefined(file) : null;
        Model model = file.Algorithm == SentencePieceAlgorithm.Unigram ? Unigram(file, use) : BytePair(file, whole);
        var spec = style.PreTokenizer is null ? file.Normalizer : file.Normalizer with { AddDummyPrefix = false };
        INormalizer normalizer = new SentencePieceNormalizer(spec) { SpaceAsSuffix = file.SpaceAsSuffix, Untouched = whole };
        if (style.Before.Count > 0)
            normalizer = new SequenceNormalizer([.. style.Before, normalizer]);
        var tokenizer = new Tokenizer(model, normalizer, style.PreTokenizer, postProcessor: null, Decoder(file, use, style.TrimsText));
        var added = file.Pieces.Where(piece => piece.Kind is PieceKind.Control or PieceKind.UserDefined)
            .Select(piece => new AddedToken(Utf8.Text(piece.Text)) { Normalized = false, Special = piece.Kind == PieceKind.Control });
        if (use == SentencePieceUse.WithAddedTokens)
            tokenizer.AddTokens(added);
        else
            tokenizer.SavedTokens = [.. added];
        return tokenizer;
    }

    private static ByteTrie? UserDefined(SentencePieceFile file)
    {
        var trie = new ByteTrie();
        for (var id = 0; id < file.Pieces.Count; id++)
        {
            if (file.Pieces[id].Kind == PieceKind.UserDefined)
                trie.Add(file.Pieces[id].Text, id);
        }
        return trie.IsEmpty ? null : trie;
    }

    private static UnigramModel Unigram(SentencePieceFile file, SentencePieceUse use)
    {
        var normal = file.Pieces.Where(piece => piece.Kind == PieceKind.Normal).Select(piece => piece.Score).DefaultIfEmpty(0).ToList();
        var best = Math.Max(normal.Max(), 1.17549435e-38f);
        var scores = file.Pieces.Select(piece => piece.Kind switch
        {
            PieceKind.Normal => piece.Score,
            PieceKind.UserDefined => piece.Text.Length * best - 0.1, // more than any other way
            _ => double.NaN,
        });
        return new UnigramModel(
            [.. file.Pieces.Select(piece => (piece.Text, (double)piece.Score))],
            file.UnknownId,
            file.ByteFallback,
            new PathScores([.. scores], normal.Min() - UnknownPenalty)
            {
                Known = file.NumberedCount,
                ShowsUnknown = use == SentencePieceUse.WithAddedTokens,
            });
    }

    private static BytePairModel BytePair(SentencePieceFile file, ByteTrie? whole)
    {
        var vocabulary = new Vocabulary(file.Pieces.Count);
        for (var id = 0; id < file.Pieces.Count; id++)
            vocabulary.Add(file.Pieces[id].Text, id);
        var normal = file.Algorithm == SentencePieceAlgorithm.Character
            ? []
            : file.Pieces.Select((piece, id) => (piece, id)).Where(item => item.piece.Kind == PieceKind.Normal);
        var merges = PairMerges.Build([.. normal.Select(item => new PairPart(item.piece.Text, item.piece.Score, item.id))]);
        return new BytePairModel(vocabulary, merges, new BytePairOptions
        {
            UnknownToken = Utf8.Text(file.Pieces[file.UnknownId].Text),
            FuseUnknown = true,
            ByteFallback = file.ByteFallback,
            WholeSymbols = whole,
        });
    }

    private static SentencePieceDecoder Decoder(SentencePieceFile file, SentencePieceUse use, bool trims) => new(new()
    {
        Unknown = (Utf8.Text(file.Pieces[file.UnknownId].Text), file.UnknownSurface),
        Silent = use == SentencePieceUse.WithAddedTokens
            ? new HashSet<string>()
            : file.Pieces.Where(piece => piece.Kind == PieceKind.Control).Select(piece => Utf8.Text(piece.Text)).ToHashSet(),
        ByteFallback = file.ByteFallback,
        StripFirstSpace = file.Normalizer.AddDummyPrefix || file.Normalizer.RemoveExtraSpaces,
        TrimsText = trims,
        StripAllSpaces = file.Normalizer.RemoveExtraSpaces && use == SentencePieceUse.Alone,
        Denormalizer = file.Denormalizer.Table.Length == 0 ? null : new SentencePieceNormalizer(file.Denormalizer),
    });
}
