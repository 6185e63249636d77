using System.Text.Json;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Normalizers;

/// <summary>Leaves characters out, or replaces them one by one.</summary>
internal abstract class FilterNormalizer : CharacterNormalizer
{
    /// <summary>The character that stands in its place, or -1 for none.</summary>
    protected abstract int Map(int codePoint);

    protected override bool Leaves(ReadOnlySpan<byte> text)
    {
        for (var at = 0; at < text.Length;)
        {
            var codePoint = Utf8.Next(text, ref at);
            if (Map(codePoint) != codePoint)
                return false;
        }
        return true;
    }

    protected override int Rewrite(ReadOnlySpan<byte> text, List<Change> changes)
    {
        var removed = 0;
        for (var at = 0; at < text.Length;)
        {
            var mapped = Map(Utf8.Next(text, ref at));
            if (mapped >= 0)
                changes.Add(new Change(mapped, 0));
            else if (changes.Count == 0)
                removed++;
            else
                changes[^1] = changes[^1] with { Shift = changes[^1].Shift - 1 };
        }
        return removed;
    }
}

/// <summary>Leaves out all marks.</summary>
internal sealed class StripAccentsNormalizer : FilterNormalizer
{
    protected override int Map(int codePoint) => CodePoints.Is(codePoint, CodePoints.Mark) ? -1 : codePoint;

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "StripAccents");
        writer.WriteEndObject();
    }
}

/// <summary>Leaves out control characters and makes all kinds of white space a space, as neural translation's preparation does.</summary>
internal sealed class NmtNormalizer : FilterNormalizer
{
    protected override int Map(int codePoint) => codePoint switch
    {
        >= 1 and <= 8 or 0xB or >= 0xE and <= 0x1F or 0x7F or 0x8F or 0x9F => -1,
        9 or 0xA or 0xC or 0xD or 0x1680 or >= 0x200B and <= 0x200F or 0x2028 or 0x2029 or 0x2581 or 0xFEFF or 0xFFFD => ' ',
        _ => codePoint,
    };

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "Nmt");
        writer.WriteEndObject();
    }
}
