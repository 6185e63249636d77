using System.Text.Json;
using TransformerTorch.Text.Pipeline;

namespace TransformerTorch.Text.Json;

/// <summary>tokenizer.json -> tokenizer. Unknown members are ignored, as in the reference; unknown components are errors.</summary>
internal static class TokenizerReader
{
    private static readonly JsonDocumentOptions _options = new() { MaxDepth = 128 };

    public static Tokenizer Read(ReadOnlyMemory<byte> json, string file)
    {
        if (json.Span.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]))
            json = json[3..];
        if (!System.Text.Unicode.Utf8.IsValid(json.Span))
            throw new TokenizerException($"{file}: not UTF-8");
        try
        {
            var large = new LargeMembers(json);
            using var document = JsonDocument.Parse(large.Rest(), _options);
            return Read(new Node(document.RootElement, file, "$"), large);
        }
        catch (InvalidOperationException exception)
        {
            // The only texts in valid JSON that cannot be read.
            throw new TokenizerException($"{file}: an escape in a text is half a surrogate pair", exception);
        }
        catch (JsonException exception)
        {
            throw new TokenizerException($"{file}: not JSON: {exception.Message}", exception);
        }
    }

    private static Tokenizer Read(Node root, LargeMembers large)
    {
        var version = root["version"].StringOrNull();
        if (version is not null and not "1.0")
            throw root["version"].Error($"version '{version}' is unknown; '1.0' is known");
        var model = ModelReader.Read(root.Required("model"), large);
        var tokenizer = new Tokenizer(
            model,
            NormalizerReader.ReadOrNull(root["normalizer"]),
            PreTokenizerReader.ReadOrNull(root["pre_tokenizer"]),
            PostProcessorReader.ReadOrNull(root["post_processor"]),
            DecoderReader.ReadOrNull(root["decoder"]));
        tokenizer.Truncation = ReadTruncation(root["truncation"]);
        tokenizer.Padding = ReadPadding(root["padding"]);
        if (!root["added_tokens"].IsNull)
            tokenizer.AddTokens([.. root["added_tokens"].Items().Select(ReadAddedToken)]);
        return tokenizer;
    }

    private static Truncation? ReadTruncation(Node node) => node.IsNull ? null : new Truncation(node.Required("max_length").Length())
    {
        Stride = node.Required("stride").Length(),
        Strategy = node.Required("strategy").Choice(
            ("LongestFirst", TruncationStrategy.LongestFirst),
            ("OnlyFirst", TruncationStrategy.OnlyFirst),
            ("OnlySecond", TruncationStrategy.OnlySecond)),
        Side = node["direction"].IsNull ? Side.Right : ReadSide(node["direction"]),
    };

    private static Padding? ReadPadding(Node node) => node.IsNull ? null : new Padding
    {
        Length = ReadPaddedLength(node.Required("strategy")),
        MultipleOf = node["pad_to_multiple_of"].IsNull ? null : node["pad_to_multiple_of"].Length(),
        Side = ReadSide(node.Required("direction")),
        Id = node.Required("pad_id").Count(),
        TypeId = node.Required("pad_type_id").Count(),
        Token = node.Required("pad_token").String(),
    };

    private static int? ReadPaddedLength(Node node) =>
        node.Value.ValueKind == JsonValueKind.Object ? node.Required("Fixed").Length() : node.Choice<int?>(("BatchLongest", null));

    private static Side ReadSide(Node node) => node.Choice(("Left", Side.Left), ("Right", Side.Right));

    private static AddedToken ReadAddedToken(Node node) => new(node.Required("content").String())
    {
        SingleWord = node.Required("single_word").Boolean(),
        LeftStrip = node.Required("lstrip").Boolean(),
        RightStrip = node.Required("rstrip").Boolean(),
        Normalized = node.Required("normalized").Boolean(),
        Special = node.Required("special").Boolean(),
    };
}
