using TransformerTorch.Text.Patterns;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.PreTokenizers;

namespace TransformerTorch.Text.Json;

/// <summary>The "pre_tokenizer" member of tokenizer.json.</summary>
internal static class PreTokenizerReader
{
    public static PreTokenizer? ReadOrNull(Node node) => node.IsNull ? null : Read(node);

    private static PreTokenizer Read(Node node) => node.Required("type").String() switch
    {
        "ByteLevel" => new ByteLevelPreTokenizer(ByteLevelOptions.Read(node)),
        "BertPreTokenizer" => new BertPreTokenizer(),
        "Whitespace" => new WhitespacePreTokenizer(),
        "WhitespaceSplit" => new WhitespaceSplitPreTokenizer(),
        "Metaspace" => new MetaspacePreTokenizer(
            node.Required("replacement").Character(), Scheme(node), node["split"].Boolean(absent: true)),
        "CharDelimiterSplit" => new CharDelimiterPreTokenizer(node.Required("delimiter").Character()),
        "Split" => new SplitPreTokenizer(Pattern(node), Behavior(node.Required("behavior")), node.Required("invert").Boolean()),
        "Punctuation" => new PunctuationPreTokenizer(node["behavior"].IsNull ? SplitBehavior.Isolated : Behavior(node["behavior"])),
        "Digits" => new DigitsPreTokenizer(node.Required("individual_digits").Boolean()),
        "UnicodeScripts" => new UnicodeScriptsPreTokenizer(),
        "FixedLength" => new FixedLengthPreTokenizer(Positive(node["length"])),
        "Sequence" => new SequencePreTokenizer([.. node.Required("pretokenizers").Items().Select(Read)]),
        var type => throw node.Error($"pre-tokenizer type '{type}' is unknown"),
    };

    public static PrependScheme Scheme(Node node)
    {
        var scheme = node["prepend_scheme"].IsNull
            ? PrependScheme.Always
            : node["prepend_scheme"].Choice(
                ("always", PrependScheme.Always), ("first", PrependScheme.First), ("never", PrependScheme.Never));
        if (node["add_prefix_space"].Boolean(absent: true))
            return scheme;
        return node["prepend_scheme"].IsNull || scheme == PrependScheme.Never
            ? PrependScheme.Never
            : throw node.Error("add_prefix_space is false, but prepend_scheme is not 'never'");
    }

    /// <summary>The member "pattern": {"String": ...} or {"Regex": ...}.</summary>
    public static PatternSource Pattern(Node node)
    {
        var place = node.Required("pattern");
        var source = place["Regex"].StringOrNull() is { } regex
            ? new PatternSource(regex, IsRegex: true)
            : new PatternSource(place["String"].StringOrNull() ?? throw place.Error("'String' or 'Regex' is expected"), IsRegex: false);
        try
        {
            source.Compile();
        }
        catch (TokenizerException exception)
        {
            throw place.Error(exception.Message);
        }
        return source;
    }

    private static SplitBehavior Behavior(Node node) => node.Choice(
        (nameof(SplitBehavior.Removed), SplitBehavior.Removed),
        (nameof(SplitBehavior.Isolated), SplitBehavior.Isolated),
        (nameof(SplitBehavior.MergedWithPrevious), SplitBehavior.MergedWithPrevious),
        (nameof(SplitBehavior.MergedWithNext), SplitBehavior.MergedWithNext),
        (nameof(SplitBehavior.Contiguous), SplitBehavior.Contiguous));

    private static int Positive(Node node)
    {
        var length = node.IsNull ? 5 : node.Length();
        return length > 0 ? length : throw node.Error("at least 1 is expected");
    }
}
