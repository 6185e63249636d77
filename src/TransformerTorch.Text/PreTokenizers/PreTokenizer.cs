using System.Text.Json;
using TransformerTorch.Text.Pipeline;

namespace TransformerTorch.Text.PreTokenizers;

/// <summary>Cuts text into the pieces that the model sees one by one.</summary>
internal abstract class PreTokenizer
{
    public abstract void Apply(TextState state);

    public abstract void Write(Utf8JsonWriter writer);
}
