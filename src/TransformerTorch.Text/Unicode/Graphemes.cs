namespace TransformerTorch.Text.Unicode;

/// <summary>Extended grapheme clusters (UAX 29).</summary>
internal static class Graphemes
{
    private enum Break
    {
        Other, CarriageReturn, LineFeed, Control, Extend, Joiner, RegionalIndicator, Prepend, SpacingMark,
        Lead, Vowel, Tail, LeadVowel, LeadVowelTail,
    }

    private const int Consonant = 1;
    private const int ConjunctExtend = 2;
    private const int Linker = 3;

    private readonly record struct Character(Break Break, bool IsPictographic, int Conjunct)
    {
        public static Character At(ReadOnlySpan<byte> text, ref int at)
        {
            var value = UnicodeTables.Graphemes[Utf8.Next(text, ref at)];
            return new Character((Break)(value & 0xF), (value & 0x10) != 0, value >> 5);
        }
    }

    /// <summary>Where the cluster that begins at <paramref name="start"/> ends.</summary>
    public static int End(ReadOnlySpan<byte> text, int start)
    {
        var at = start;
        var previous = Character.At(text, ref at);
        var indicators = previous.Break == Break.RegionalIndicator ? 1 : 0;
        var emoji = previous.IsPictographic; // a pictograph, then only extenders
        var joined = false; // and now a joiner
        var consonant = previous.Conjunct == Consonant; // a consonant, then only extenders and linkers
        var linked = false; // and a linker among them
        while (at < text.Length)
        {
            var next = at;
            var current = Character.At(text, ref next);
            var keep = Joins(previous.Break, current.Break)
                || (joined && current.IsPictographic)
                || (consonant && linked && current.Conjunct == Consonant)
                || (previous.Break == Break.RegionalIndicator && current.Break == Break.RegionalIndicator && indicators % 2 == 1);
            if (!keep)
                return at;
            indicators += current.Break == Break.RegionalIndicator ? 1 : 0;
            joined = emoji && current.Break == Break.Joiner;
            emoji = current.IsPictographic || (emoji && current.Break == Break.Extend);
            linked = consonant && (linked || current.Conjunct == Linker) && current.Conjunct != Consonant;
            consonant = current.Conjunct == Consonant || (consonant && (current.Conjunct is ConjunctExtend or Linker));
            (previous, at) = (current, next);
        }
        return at;
    }

    private static bool IsControl(Break kind) => kind is Break.CarriageReturn or Break.LineFeed or Break.Control;

    private static bool Joins(Break before, Break behind)
    {
        if (before == Break.CarriageReturn && behind == Break.LineFeed)
            return true;
        if (IsControl(before) || IsControl(behind))
            return false;
        return behind is Break.Extend or Break.Joiner or Break.SpacingMark
            || before == Break.Prepend
            || (before, behind) is (Break.Lead, Break.Lead or Break.Vowel or Break.LeadVowel or Break.LeadVowelTail)
                or (Break.LeadVowel or Break.Vowel, Break.Vowel or Break.Tail)
                or (Break.LeadVowelTail or Break.Tail, Break.Tail);
    }
}
