using System.Text.Json;
using TransformerTorch.Text.Models;

namespace TransformerTorch.Text.PostProcessors;

/// <summary>A text's tokens on their way through truncation, the post-processor and padding.</summary>
internal sealed class Draft(Token[] tokens)
{
    public Token[] Tokens { get; set; } = tokens;

    public List<Draft> Overflowing { get; set; } = [];

    public void SetTypeIds(int typeId)
    {
        foreach (ref var token in Tokens.AsSpan())
            token.TypeId = typeId;
    }
}

/// <summary>Adds what the model wants around and between the texts.</summary>
internal abstract class PostProcessor
{
    /// <summary>How many tokens it adds.</summary>
    public abstract int AddedTokens(bool isPair);

    /// <summary>Takes the texts' tokens and returns parts, to be joined in order.</summary>
    public abstract List<Draft> Process(List<Draft> drafts, Vocabulary vocabulary, bool addSpecialTokens);

    public abstract void Write(Utf8JsonWriter writer);
}
