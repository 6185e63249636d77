using System.Text.Json;

namespace TransformerTorch.Text.Decoders;

/// <summary>Turns tokens back into text.</summary>
internal abstract class Decoder
{
    /// <summary>The tokens, or what stands for them after this step.</summary>
    public abstract List<string> Decode(List<string> tokens);

    /// <summary>The same, one token at a time.</summary>
    public abstract DecoderStream OpenStream();

    public abstract void Write(Utf8JsonWriter writer);
}
