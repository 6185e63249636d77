using System.Text.Json;
using TransformerTorch.Text.Pipeline;

namespace TransformerTorch.Text.Normalizers;

/// <summary>Rewrites the text before it is cut.</summary>
internal abstract class Normalizer
{
    public abstract void Apply(TextState state);

    public abstract void Write(Utf8JsonWriter writer);
}
