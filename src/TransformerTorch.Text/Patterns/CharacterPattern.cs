using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Patterns;

/// <summary>One character that has one of the flags of <see cref="CodePoints"/>.</summary>
internal sealed class CharacterPattern(int flags) : Pattern
{
    public override bool Find(ReadOnlySpan<byte> text, int from, out int start, out int end)
    {
        for (start = end = from; end < text.Length; start = end)
        {
            if (CodePoints.Is(Utf8.Next(text, ref end), flags))
                return true;
        }
        return false;
    }
}
