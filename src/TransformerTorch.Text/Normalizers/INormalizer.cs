using System.Text.Json;
using TransformerTorch.Text.Pipeline;

namespace TransformerTorch.Text.Normalizers;

/// <summary>Rewrites the text before it is cut, and can say in tokenizer.json how.</summary>
internal interface INormalizer
{
    void Apply(TextState state);

    void Write(Utf8JsonWriter writer);
}
