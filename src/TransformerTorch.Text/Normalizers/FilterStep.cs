using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Normalizers;

/// <summary>Leaves characters out, or replaces them one by one.</summary>
internal abstract class FilterStep : CharacterStep
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
