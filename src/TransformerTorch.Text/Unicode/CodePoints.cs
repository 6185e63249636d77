using System.Runtime.CompilerServices;

namespace TransformerTorch.Text.Unicode;

/// <summary>What the reference library's parts ask of a character, each by its own version of Unicode.</summary>
internal static class CodePoints
{
    /// <summary>\p{L}</summary>
    public const int Letter = 1;

    /// <summary>\p{N}</summary>
    public const int Number = 1 << 1;

    /// <summary>\s, which is also Rust's white space.</summary>
    public const int Space = 1 << 2;

    /// <summary>\w of Oniguruma.</summary>
    public const int Word = 1 << 3;

    /// <summary>\w of Rust's regex.</summary>
    public const int RustWord = 1 << 4;

    /// <summary>Decimal, letter and other numbers as Rust knows them.</summary>
    public const int Numeric = 1 << 5;

    /// <summary>Punctuation, with all of ASCII's symbols.</summary>
    public const int Punctuation = 1 << 6;

    /// <summary>Control, format and private use.</summary>
    public const int Control = 1 << 7;

    /// <summary>Non-spacing marks.</summary>
    public const int NonspacingMark = 1 << 8;

    /// <summary>All marks.</summary>
    public const int Mark = 1 << 9;

    /// <summary>[[:alpha:]]</summary>
    public const int Alphabetic = 1 << 10;

    /// <summary>[[:upper:]]</summary>
    public const int Uppercase = 1 << 11;

    /// <summary>[[:lower:]]</summary>
    public const int Lowercase = 1 << 12;

    private static readonly CodePointTable<ushort> _flags = UnicodeTables.Flags;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Flags(int codePoint) => _flags[codePoint];

    /// <summary>Letter, Number, Space or 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Class(int codePoint) => _flags[codePoint] & (Letter | Number | Space);

    /// <summary>Whether the character has one of the flags.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Is(int codePoint, int flags) => (_flags[codePoint] & flags) != 0;

    public static bool IsSpace(int codePoint) => Is(codePoint, Space);

    /// <summary>The ideographs that BERT sets apart; the ranges are the reference's, with its gap.</summary>
    public static bool IsChinese(int codePoint) => codePoint >= 0x3400 && codePoint is >= 0x4E00 and <= 0x9FFF or >= 0x3400 and <= 0x4DBF
        or >= 0x20000 and <= 0x2A6DF or >= 0x2A700 and <= 0x2B73F or >= 0x2B740 and <= 0x2B81F or >= 0x2B920 and <= 0x2CEAF
        or >= 0xF900 and <= 0xFAFF or >= 0x2F800 and <= 0x2FA1F;
}
