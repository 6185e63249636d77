using System.Text.Json;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Normalizers;

/// <summary>Leaves out all marks.</summary>
internal sealed class StripAccentsNormalizer : FilterStep, INormalizer
{
    protected override int Map(int codePoint) => CodePoints.Is(codePoint, CodePoints.Mark) ? -1 : codePoint;

    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "StripAccents");
        writer.WriteEndObject();
    }
}

/// <summary>Leaves out control characters and makes all kinds of white space a space, as neural translation's preparation does.</summary>
internal sealed class NmtNormalizer : FilterStep, INormalizer
{
    protected override int Map(int codePoint) => codePoint switch
    {
        >= 1 and <= 8 or 0xB or >= 0xE and <= 0x1F or 0x7F or 0x8F or 0x9F => -1,
        9 or 0xA or 0xC or 0xD or 0x1680 or >= 0x200B and <= 0x200F or 0x2028 or 0x2029 or 0x2581 or 0xFEFF or 0xFFFD => ' ',
        _ => codePoint,
    };

    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "Nmt");
        writer.WriteEndObject();
    }
}
