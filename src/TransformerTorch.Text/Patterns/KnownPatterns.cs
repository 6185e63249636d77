namespace TransformerTorch.Text.Patterns;

/// <summary>The patterns of well-known models that are scanned by hand, faster than the general matcher.</summary>
internal static class KnownPatterns
{
    public static Pattern? Find(string pattern) => pattern switch
    {
        Gpt2Pattern.Source => new Gpt2Pattern(),
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
            => new Gpt4Pattern(digits: 3),
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
            => new Gpt4Pattern(digits: 1),
        _ => null,
    };
}
