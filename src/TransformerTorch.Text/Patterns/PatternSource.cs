using System.Text.Json;

namespace TransformerTorch.Text.Patterns;

/// <summary>A pattern as tokenizer.json has it: a text to be found as it is, or a regular expression.</summary>
internal sealed record PatternSource(string Text, bool IsRegex)
{
    public Pattern Compile() => !IsRegex ? new LiteralPattern(Text) : KnownPatterns.Find(Text) ?? new RegexPattern(Text);

    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject("pattern");
        writer.WriteString(IsRegex ? "Regex" : "String", Text);
        writer.WriteEndObject();
    }
}
