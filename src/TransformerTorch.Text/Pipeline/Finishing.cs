using TransformerTorch.Text.PostProcessors;

namespace TransformerTorch.Text.Pipeline;

/// <summary>From the texts' tokens to the encoding: truncation, post-processor, joining, padding.</summary>
internal static class Finishing
{
    public static Encoding Finish(Tokenizer tokenizer, string[] texts, List<Draft> drafts, bool addSpecialTokens)
    {
        if (tokenizer.PostProcessor is { } processor)
            drafts = processor.Process(drafts, tokenizer.Model.Vocabulary, addSpecialTokens);
        var draft = drafts.Count == 1 ? drafts[0] : Join(drafts);
        return new Encoding(tokenizer, texts, draft.Tokens);
    }

    private static Draft Join(List<Draft> drafts) => new([.. drafts.SelectMany(draft => draft.Tokens)]);
}
