using System.Text.Json;

namespace TransformerTorch.Text.Models;

/// <summary>Another library's tokenizer in a model's place: it is given whole texts, and makes text of ids itself.</summary>
internal abstract class ForeignModel : Model
{
    public abstract bool IsSpecial(int id);

    public abstract string Decode(IEnumerable<int> ids);

    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens) =>
        Decode(skipSpecialTokens ? ids.Where(id => !IsSpecial(id)) : ids);

    public sealed override void Write(Utf8JsonWriter writer) =>
        throw new NotSupportedException("a tokenizer of another library cannot be saved as tokenizer.json");
}
