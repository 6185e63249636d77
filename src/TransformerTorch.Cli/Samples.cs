using TransformerTorch.Generation;
using TransformerTorch.Training;

namespace TransformerTorch.Cli;

/// <summary>Texts written during training, as documents that begin with the prompt.</summary>
internal static class Samples
{
    public static TextSampler Of(RunConfig config) => (model, tokenizer, prompt) =>
    {
        var options = new GenerationOptions
        {
            MaxNewTokens = config.Sample.MaxNewTokens,
            Temperature = config.Sample.Temperature,
            TopK = config.Sample.TopK,
            Seed = config.Seed,
            EndTokens = [tokenizer.EndMark],
        };
        // Documents stand between end marks in the training data: one before the prompt says that a text begins here.
        int[] ids = [tokenizer.EndMark, .. tokenizer.Tokenizer.EncodeToIds(prompt)];
        return tokenizer.Tokenizer.Decode(new TokenGenerator(model).Stream(ids, options));
    };
}
