using Microsoft.ML.Tokenizers;
using TransformerTorch.Text.PostProcessors;

namespace TransformerTorch.Text.MicrosoftML;

/// <summary>What a Microsoft.ML.Tokenizers tokenizer tells beside ids: each of its classes has properties of its own.</summary>
internal sealed record OtherFacts
{
    public delegate IReadOnlyList<EncodedToken> Encoder(string text, out string? normalized);

    /// <summary>Cuts a text, and adds no tokens to it.</summary>
    public required Encoder Encode { get; init; }

    /// <summary>Token -> id; empty where the class does not tell it.</summary>
    public IReadOnlyDictionary<string, int> Vocabulary { get; init; } = new Dictionary<string, int>();

    public IReadOnlySet<int> SpecialIds { get; init; } = new HashSet<int>();

    /// <summary>What stands before a text.</summary>
    public (string Token, int Id)? Begin { get; init; }

    /// <summary>What stands behind a text, the last of a pair too.</summary>
    public (string Token, int Id)? End { get; init; }

    public static OtherFacts Of(Microsoft.ML.Tokenizers.Tokenizer tokenizer)
    {
        var plain = new OtherFacts { Encode = (string text, out string? normalized) => tokenizer.EncodeToTokens(text, out normalized) };
        return tokenizer switch
        {
            BertTokenizer bert => plain with
            {
                SpecialIds = Ids(bert.SpecialTokens),
                Begin = (bert.ClassificationToken, bert.ClassificationTokenId),
                End = (bert.SeparatorToken, bert.SeparatorTokenId),
            },
            WordPieceTokenizer words => plain with { SpecialIds = Ids(words.SpecialTokens) },
            SentencePieceTokenizer pieces => new OtherFacts
            {
                Encode = (string text, out string? normalized) => pieces.EncodeToTokens(
                    text, out normalized, addBeginningOfSentence: false, addEndOfSentence: false),
                Vocabulary = pieces.Vocabulary,
                SpecialIds = new HashSet<int>([.. Ids(pieces.SpecialTokens), pieces.BeginningOfSentenceId, pieces.EndOfSentenceId]),
                Begin = pieces.AddBeginningOfSentence ? (pieces.BeginningOfSentenceToken, pieces.BeginningOfSentenceId) : null,
                End = pieces.AddEndOfSentence ? (pieces.EndOfSentenceToken, pieces.EndOfSentenceId) : null,
            },
            BpeTokenizer pairs => plain with { Vocabulary = pairs.Vocabulary, SpecialIds = Ids(pairs.SpecialTokens) },
            CodeGenTokenizer code => plain with { Vocabulary = code.Vocabulary, SpecialIds = Ids(code.SpecialTokens) },
            EnglishRobertaTokenizer roberta => plain with { Vocabulary = roberta.Vocabulary },
            TiktokenTokenizer ranks => plain with { SpecialIds = Ids(ranks.SpecialTokens) },
            _ => plain,
        };
    }

    public TemplatePostProcessor? PostProcessor()
    {
        if (Begin is null && End is null)
            return null;
        (string Token, int Id)[] all = [.. new[] { Begin, End }.OfType<(string, int)>()];
        var tokens = all.DistinctBy(token => token.Token).ToDictionary(
            token => token.Token, token => new TemplateToken(token.Token, [token.Id], [token.Token]));
        TemplatePart[] Around(params (int Sequence, int Type)[] texts) =>
        [
            .. Special(Begin, 0),
            .. texts.SelectMany(text => (TemplatePart[])[new(text.Sequence, "", text.Type), .. Special(End, text.Type)]),
        ];
        return new TemplatePostProcessor(Around((0, 0)), Around((0, 0), (1, 1)), tokens);
    }

    private static TemplatePart[] Special((string Token, int Id)? token, int type) =>
        token is { } named ? [new TemplatePart(-1, named.Token, type)] : [];

    private static HashSet<int> Ids(IReadOnlyDictionary<string, int>? tokens) => [.. tokens?.Values ?? []];
}
