using System.Text.Json;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Normalizers;

/// <summary>BERT's cleaning: control characters, ideographs, accents, case, each by its option.</summary>
internal sealed class BertNormalizer : INormalizer
{
    private readonly List<CharacterStep> _steps = [];

    public BertNormalizer(BertNormalizerOptions options)
    {
        Options = options;
        if (options.CleanText)
            _steps.Add(new CleanText());
        if (options.HandleChineseCharacters)
            _steps.Add(new SpaceIdeographs());
        if (options.StripAccents ?? options.Lowercase)
            _steps.AddRange([new FormNormalizer(compatible: false, compose: false), new StripNonspacingMarks()]);
        if (options.Lowercase)
            _steps.Add(new LowercaseNormalizer());
    }

    public BertNormalizerOptions Options { get; }

    public void Apply(TextState state)
    {
        foreach (var step in _steps)
            step.Apply(state);
    }

    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "BertNormalizer");
        writer.WriteBoolean("clean_text", Options.CleanText);
        writer.WriteBoolean("handle_chinese_chars", Options.HandleChineseCharacters);
        if (Options.StripAccents is { } strip)
            writer.WriteBoolean("strip_accents", strip);
        else
            writer.WriteNull("strip_accents");
        writer.WriteBoolean("lowercase", Options.Lowercase);
        writer.WriteEndObject();
    }

    private sealed class CleanText : FilterStep
    {
        protected override int Map(int codePoint)
        {
            if (codePoint is '\t' or '\n' or '\r')
                return ' ';
            if (codePoint is 0 or 0xFFFD || CodePoints.Is(codePoint, CodePoints.Control))
                return -1;
            return CodePoints.IsSpace(codePoint) ? ' ' : codePoint;
        }
    }

    private sealed class StripNonspacingMarks : FilterStep
    {
        protected override int Map(int codePoint) => CodePoints.Is(codePoint, CodePoints.NonspacingMark) ? -1 : codePoint;
    }

    private sealed class SpaceIdeographs : CharacterStep
    {
        protected override bool Leaves(ReadOnlySpan<byte> text)
        {
            for (var at = 0; at < text.Length;)
            {
                if (text[at] < 0xE3)
                    at += Utf8.LengthFromFirst(text[at]);
                else if (CodePoints.IsChinese(Utf8.Next(text, ref at)))
                    return false;
            }
            return true;
        }

        protected override int Rewrite(ReadOnlySpan<byte> text, List<Change> changes)
        {
            for (var at = 0; at < text.Length;)
            {
                var codePoint = Utf8.Next(text, ref at);
                if (CodePoints.IsChinese(codePoint))
                    changes.AddRange([new Change(' ', 0), new Change(codePoint, 1), new Change(' ', 1)]);
                else
                    changes.Add(new Change(codePoint, 0));
            }
            return 0;
        }
    }
}

/// <summary>The names are tokenizer.json's.</summary>
internal sealed record BertNormalizerOptions
{
    public bool CleanText { get; init; } = true;

    public bool HandleChineseCharacters { get; init; } = true;

    /// <summary>Null: as <see cref="Lowercase"/>.</summary>
    public bool? StripAccents { get; init; }

    public bool Lowercase { get; init; } = true;
}
