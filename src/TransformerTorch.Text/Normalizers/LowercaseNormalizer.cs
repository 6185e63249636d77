using System.Text.Json;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Normalizers;

/// <summary>Full lower case, character by character.</summary>
internal sealed class LowercaseNormalizer : CharacterStep, INormalizer
{
    protected override bool Leaves(ReadOnlySpan<byte> text) =>
        System.Text.Ascii.IsValid(text) && text.IndexOfAnyInRange((byte)'A', (byte)'Z') < 0;

    protected override int Rewrite(ReadOnlySpan<byte> text, List<Change> changes)
    {
        for (var at = 0; at < text.Length;)
        {
            var codePoint = Utf8.Next(text, ref at);
            if (codePoint < 0x80)
            {
                changes.Add(new Change(codePoint is >= 'A' and <= 'Z' ? codePoint | 0x20 : codePoint, 0));
                continue;
            }
            if (!UnicodeTables.Lowercase.TryGetValue(codePoint, out var lower))
            {
                changes.Add(new Change(codePoint, 0));
                continue;
            }
            for (var i = 0; i < lower.Length; i++)
                changes.Add(new Change(lower[i], i == 0 ? 0 : 1));
        }
        return 0;
    }

    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "Lowercase");
        writer.WriteEndObject();
    }
}
