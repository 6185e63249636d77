using System.Text.Json;
using TransformerTorch.Text.Models;

namespace TransformerTorch.Text.PostProcessors;

/// <summary>Adds what the model wants around and between the texts.</summary>
internal abstract class PostProcessor
{
    /// <summary>How many tokens it adds.</summary>
    public abstract int AddedTokens(bool isPair);

    /// <summary>Takes the texts' tokens and returns parts, to be joined in order.</summary>
    public abstract List<Draft> Process(List<Draft> drafts, Vocabulary vocabulary, bool addSpecialTokens);

    public abstract void Write(Utf8JsonWriter writer);

    protected static Token Special(int id, string token, int typeId) =>
        new() { Id = id, Value = token, TypeId = typeId, Word = -1, Sequence = -1, IsSpecial = true };
}
