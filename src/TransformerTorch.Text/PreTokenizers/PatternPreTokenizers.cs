using System.Text.Json;
using TransformerTorch.Text.Patterns;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.PreTokenizers;

/// <summary>Cuts at the matches of a pattern, or with invert at what lies between.</summary>
internal sealed class SplitPreTokenizer(PatternSource pattern, SplitBehavior behavior, bool invert) : PreTokenizer
{
    private readonly Pattern _pattern = pattern.Compile();

    public override void Apply(TextState state) => state.Split(_pattern, behavior, invert);

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "Split");
        pattern.Write(writer);
        writer.WriteString("behavior", behavior.ToString());
        writer.WriteBoolean("invert", invert);
        writer.WriteEndObject();
    }
}

/// <summary>Cuts at each punctuation mark.</summary>
internal sealed class PunctuationPreTokenizer(SplitBehavior behavior) : PreTokenizer
{
    private static readonly CharacterPattern _pattern = new(CodePoints.Punctuation);

    public override void Apply(TextState state) => state.Split(_pattern, behavior);

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "Punctuation");
        writer.WriteString("behavior", behavior.ToString());
        writer.WriteEndObject();
    }
}

/// <summary>Cuts numbers off, each digit alone or all together.</summary>
internal sealed class DigitsPreTokenizer(bool individually) : PreTokenizer
{
    private static readonly CharacterPattern _pattern = new(CodePoints.Numeric);

    public override void Apply(TextState state) => state.Split(_pattern, individually ? SplitBehavior.Isolated : SplitBehavior.Contiguous);

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "Digits");
        writer.WriteBoolean("individual_digits", individually);
        writer.WriteEndObject();
    }
}

/// <summary>Cuts at a character, which is left out.</summary>
internal sealed class CharDelimiterPreTokenizer(string delimiter) : PreTokenizer
{
    private readonly LiteralPattern _pattern = new(delimiter);

    public override void Apply(TextState state) => state.Split(_pattern, SplitBehavior.Removed);

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "CharDelimiterSplit");
        writer.WriteString("delimiter", delimiter);
        writer.WriteEndObject();
    }
}
