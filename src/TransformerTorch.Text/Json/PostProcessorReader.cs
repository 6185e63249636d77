using TransformerTorch.Text.PostProcessors;

namespace TransformerTorch.Text.Json;

/// <summary>The "post_processor" member of tokenizer.json.</summary>
internal static class PostProcessorReader
{
    public static PostProcessor? ReadOrNull(Node node) => node.IsNull ? null : Read(node);

    private static PostProcessor Read(Node node) => node.Required("type").String() switch
    {
        "ByteLevel" => new ByteLevelPostProcessor(ByteLevelOptions.Read(node)),
        "BertProcessing" => new BertPostProcessor(Named(node.Required("sep")), Named(node.Required("cls"))),
        "RobertaProcessing" => new RobertaPostProcessor(
            Named(node.Required("sep")),
            Named(node.Required("cls")),
            node.Required("trim_offsets").Boolean(),
            node.Required("add_prefix_space").Boolean()),
        "TemplateProcessing" => ReadTemplate(node),
        "Sequence" => new SequencePostProcessor([.. node.Required("processors").Items().Select(Read)]),
        var type => throw node.Error($"post-processor type '{type}' is unknown"),
    };

    private static NamedToken Named(Node node) => node.Items().ToList() is [var token, var id]
        ? new NamedToken(token.String(), id.Count())
        : throw node.Error("a token and its id are expected");

    private static TemplatePostProcessor ReadTemplate(Node node)
    {
        var tokens = new Dictionary<string, TemplateToken>();
        foreach (var (name, token) in node.Required("special_tokens").Members())
        {
            int[] ids = [.. token.Required("ids").Items().Select(id => id.Count())];
            string[] texts = [.. token.Required("tokens").Items().Select(text => text.String())];
            if (ids.Length != texts.Length)
                throw token.Error($"{ids.Length} ids, but {texts.Length} tokens");
            tokens[name] = new TemplateToken(token.Required("id").String(), ids, texts);
        }
        return new TemplatePostProcessor(
            [.. node.Required("single").Items().Select(part => Part(part, tokens, sequences: 1))],
            [.. node.Required("pair").Items().Select(part => Part(part, tokens, sequences: 2))],
            tokens);
    }

    private static TemplatePart Part(Node node, Dictionary<string, TemplateToken> tokens, int sequences)
    {
        if (node["Sequence"] is { IsNull: false } sequence)
        {
            var index = sequence.Required("id").Choice(("A", 0), ("B", 1));
            return index < sequences
                ? new TemplatePart(index, "", sequence.Required("type_id").Count())
                : throw sequence.Error("the template for one text names a second");
        }
        var special = node.Required("SpecialToken");
        var name = special.Required("id").String();
        return tokens.ContainsKey(name)
            ? new TemplatePart(-1, name, special.Required("type_id").Count())
            : throw special.Error($"'{name}' is not among the special_tokens");
    }
}
