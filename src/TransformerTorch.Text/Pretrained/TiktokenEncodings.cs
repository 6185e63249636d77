using TransformerTorch.Text.Patterns;

namespace TransformerTorch.Text.Pretrained;

/// <summary>What a rank file leaves to be known.</summary>
/// <param name="Pattern">Cuts the text.</param>
/// <param name="SpecialTokens">Their texts and ids.</param>
internal sealed record TiktokenEncoding(string Pattern, (string Text, int Id)[] SpecialTokens);

/// <summary>The encodings that OpenAI published by name (openai/tiktoken, tiktoken_ext/openai_public.py).</summary>
internal static class TiktokenEncodings
{
    private const string Cl100k =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private const string Contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?";

    private const string O200k =
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + Contractions
        + @"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + Contractions
        + @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    public static TiktokenEncoding? Find(string name) => name switch
    {
        "gpt2" or "r50k_base" or "p50k_base" => new TiktokenEncoding(Gpt2Pattern.Source, [("<|endoftext|>", 50256)]),
        "cl100k_base" => new TiktokenEncoding(Cl100k, [
            ("<|endoftext|>", 100257), ("<|fim_prefix|>", 100258), ("<|fim_middle|>", 100259), ("<|fim_suffix|>", 100260),
            ("<|endofprompt|>", 100276),
        ]),
        "o200k_base" => new TiktokenEncoding(O200k, [("<|endoftext|>", 199999), ("<|endofprompt|>", 200018)]),
        _ => null,
    };
}
