using System.Globalization;
using TransformerTorch.Text.PostProcessors;

namespace TransformerTorch.Text.Pretrained;

/// <summary>Templates written as roles and texts with their types, "cls $A sep $B:1 sep:1".</summary>
internal static class SpecialTemplate
{
    public static TemplatePostProcessor Build(Tokenizer tokenizer, TokenizerConfig config, string single, string pair)
    {
        var tokens = new Dictionary<string, TemplateToken>();
        return new TemplatePostProcessor(Parts(single), Parts(pair), tokens);

        TemplatePart[] Parts(string template) => [.. template.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Part)];

        TemplatePart Part(string word)
        {
            var (name, type) = word.Split(':') is [var before, var after]
                ? (before, int.Parse(after, CultureInfo.InvariantCulture)) : (word, 0);
            if (name is "$A" or "$B")
                return new TemplatePart(name == "$A" ? 0 : 1, "", type);
            var token = Token(tokenizer, config, name);
            tokens[token.Token] = new TemplateToken(token.Token, [token.Id], [token.Token]);
            return new TemplatePart(-1, token.Token, type);
        }
    }

    /// <summary>add_bos_token and add_eos_token as a template; null where neither holds.</summary>
    public static TemplatePostProcessor? Build(Tokenizer tokenizer, TokenizerConfig config, (bool Bos, bool Eos) add)
    {
        add = (add.Bos && config.Named("bos") is not null, add.Eos && config.Named("eos") is not null);
        if (add is (false, false))
            return null;
        var (bos, eos) = (add.Bos ? "bos" : "", add.Eos ? "eos" : "");
        return Build(tokenizer, config, $"{bos} $A {eos}", $"{bos} $A {eos} {(add.Bos ? "bos:1" : "")} $B:1 {(add.Eos ? "eos:1" : "")}");
    }

    /// <summary>The token of a role and its id.</summary>
    /// <exception cref="TokenizerException">The folder names none.</exception>
    public static NamedToken Token(Tokenizer tokenizer, TokenizerConfig config, string role)
    {
        var token = config.Named(role)?.Content
            ?? throw new TokenizerException($"{config.Name}: '{role}_token' is needed around each text, and is not there");
        return new NamedToken(token, tokenizer.TokenToId(token) ?? throw new TokenizerException($"{config.Name}: '{token}' has no id"));
    }
}
