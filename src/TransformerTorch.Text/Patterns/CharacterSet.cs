using System.Runtime.CompilerServices;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Patterns;

/// <summary>A set of characters: a bit each for ASCII, a rule for the others.</summary>
internal sealed class CharacterSet
{
    private readonly UInt128 _ascii;
    private readonly Func<int, bool> _contains;

    public CharacterSet(Func<int, bool> contains)
    {
        _contains = contains;
        for (var codePoint = 0; codePoint < 128; codePoint++)
            _ascii |= contains(codePoint) ? UInt128.One << codePoint : 0;
    }

    public static CharacterSet Of(int codePoint) => new(other => other == codePoint);

    public static CharacterSet Range(int first, int last) => new(codePoint => codePoint >= first && codePoint <= last);

    public static CharacterSet Flags(int flags) => new(codePoint => CodePoints.Is(codePoint, flags));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Contains(int codePoint) => codePoint < 128 ? (_ascii >> codePoint & 1) != 0 : _contains(codePoint);

    public CharacterSet Negated() => new(codePoint => !Contains(codePoint));

    public CharacterSet Union(CharacterSet other) => new(codePoint => Contains(codePoint) || other.Contains(codePoint));

    public CharacterSet Intersection(CharacterSet other) => new(codePoint => Contains(codePoint) && other.Contains(codePoint));

    /// <summary>With the characters that differ from one of this set by case alone.</summary>
    public CharacterSet IgnoringCase() => new(codePoint => Contains(codePoint) || CaseFolding.Alike(codePoint).Any(Contains));
}
