using System.Text.Json;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Normalizers;

/// <summary>Takes white space away at the ends.</summary>
internal sealed class StripNormalizer(bool left, bool right) : CharacterStep, INormalizer
{
    protected override bool Leaves(ReadOnlySpan<byte> text)
    {
        var (at, end) = (0, text.Length);
        return text.Length == 0
            || (!(left && CodePoints.IsSpace(Utf8.Next(text, ref at))) && !(right && CodePoints.IsSpace(Utf8.Previous(text, ref end))));
    }

    protected override int Rewrite(ReadOnlySpan<byte> text, List<Change> changes)
    {
        var end = text.Length;
        for (var before = end; right && end > 0; end = before)
        {
            if (!CodePoints.IsSpace(Utf8.Previous(text, ref before)))
                break;
        }
        var removed = 0;
        for (var at = 0; at < end;)
        {
            var codePoint = Utf8.Next(text, ref at);
            if (left && changes.Count == 0 && CodePoints.IsSpace(codePoint))
                removed++;
            else
                changes.Add(new Change(codePoint, 0));
        }
        return removed;
    }

    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "Strip");
        writer.WriteBoolean("strip_left", left);
        writer.WriteBoolean("strip_right", right);
        writer.WriteEndObject();
    }
}
