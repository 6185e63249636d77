using System.Globalization;
using System.Runtime.CompilerServices;

namespace TransformerTorch.Text.Unicode;

/// <summary>Classes of code points as the reference's regular expressions have them.</summary>
internal static class CodePoints
{
    public const byte Letter = 1;
    public const byte Number = 2;
    public const byte Space = 4;

    private static readonly byte[] _classes = Build();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte Class(int codePoint) => _classes[codePoint];

    public static bool IsSpace(int codePoint) => _classes[codePoint] == Space;

    /// <summary>\w: letters, marks, numbers and connectors.</summary>
    public static bool IsWord(int codePoint) => CharUnicodeInfo.GetUnicodeCategory(codePoint) is <= UnicodeCategory.OtherNumber
        or UnicodeCategory.ConnectorPunctuation;

    private static byte[] Build()
    {
        var classes = new byte[0x110000];
        for (var codePoint = 0; codePoint < classes.Length; codePoint++)
        {
            classes[codePoint] = CharUnicodeInfo.GetUnicodeCategory(codePoint) switch
            {
                <= UnicodeCategory.OtherLetter => Letter,
                UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Number,
                UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator => Space,
                _ => codePoint is >= 9 and <= 13 or 0x85 ? Space : (byte)0,
            };
        }
        return classes;
    }
}
