using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace TransformerTorch.Configuration;

/// <summary>
/// YAML text to <see cref="Node"/>s. Stricter than YAML: duplicate keys, tags, merge keys and a second document are errors.
/// Aliases are shared, and what they expand to is bounded.
/// </summary>
/// <param name="source">The name in errors.</param>
/// <param name="line">1, or 0 where the text is a flag and has no lines.</param>
/// <param name="errors">Takes what is wrong.</param>
internal sealed class NodeReader(string source, int line, List<ConfigError> errors)
{
    private const int MaxDepth = 64;
    private const long MaxSize = 100_000;

    private readonly Dictionary<AnchorName, Node> _anchors = [];

    /// <summary>Reads one document; null when it is empty. Where the text is not YAML at all, that is the one error.</summary>
    /// <exception cref="ConfigException">Not YAML, or too much of it.</exception>
    public Node? Read(string text)
    {
        try
        {
            return Document(new Parser(new StringReader(text)));
        }
        catch (YamlException e)
        {
            throw new ConfigException(Explain(e, text));
        }
    }

    private Node? Document(Parser parser)
    {
        parser.Consume<StreamStart>();
        if (parser.Accept<StreamEnd>(out _)) return null;
        parser.Consume<DocumentStart>();
        var node = Node(parser, depth: 0);
        parser.Consume<DocumentEnd>();
        if (parser.Accept<DocumentStart>(out var second))
            errors.Add(At(second.Start).Error("a second document starts here; a configuration is one"));
        return node;
    }

    private Node Node(Parser parser, int depth)
    {
        if (parser.TryConsume<AnchorAlias>(out var alias))
        {
            // An anchor is known once its node is complete, so that no node can contain itself.
            if (_anchors.TryGetValue(alias.Value, out var target)) return target;
            throw new YamlException(alias.Start, alias.End, $"`*{alias.Value}` stands for an anchor that is not complete before this line");
        }
        var start = parser.Accept<NodeEvent>(out var next) ? next : throw new YamlException("a value was expected");
        if (depth > MaxDepth) throw new YamlException(start.Start, start.End, $"nested deeper than {MaxDepth} levels");
        if (!start.Tag.IsEmpty)
            errors.Add(At(start.Start).Error($"the tag `{start.Tag}` is not supported; write the value without it"));

        Node node = start switch
        {
            SequenceStart => List(parser, depth),
            MappingStart => Map(parser, depth),
            _ => Text(parser),
        };
        if (node.Size > MaxSize) throw new YamlException(start.Start, start.End, $"more than {MaxSize} values, repeated ones counted");
        if (!start.Anchor.IsEmpty) _anchors[start.Anchor] = node;
        return node;
    }

    private Scalar Text(Parser parser)
    {
        var scalar = parser.Consume<YamlDotNet.Core.Events.Scalar>();
        return new Scalar(At(scalar.Start), scalar.Value, scalar.Style is ScalarStyle.Plain);
    }

    private Sequence List(Parser parser, int depth)
    {
        var place = At(parser.Consume<SequenceStart>().Start);
        var items = new List<Node>();
        while (!parser.TryConsume<SequenceEnd>(out _)) items.Add(Node(parser, depth + 1));
        return new Sequence(place, items);
    }

    private Mapping Map(Parser parser, int depth)
    {
        var place = At(parser.Consume<MappingStart>().Start);
        var entries = new Dictionary<string, Entry>();
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            var key = Node(parser, depth + 1);
            var value = Node(parser, depth + 1);
            if (key is not Scalar { IsNull: false } name)
                errors.Add(key.Place.Error("a key must be a name"));
            else if (name is { Plain: true, Text: "<<" })
                errors.Add(key.Place.Error("merge keys (`<<`) are not part of YAML 1.2; repeat the keys, or use `extends: other.yaml`"));
            else if (!entries.TryAdd(name.Text, new Entry(name, value)))
                errors.Add(key.Place.Error($"duplicate key `{name.Text}`: already given in line {entries[name.Text].Key.Place.Line}"));
        }
        return new Mapping(place, [.. entries.Values]);
    }

    private Place At(Mark mark) => line == 0 ? new Place(source, 0, 0) : new Place(source, (int)mark.Line, (int)mark.Column);

    private ConfigError Explain(YamlException e, string text)
    {
        // The parser blames what a tab breaks, often far above: name the tab itself.
        var lines = text.Split('\n');
        var last = e.Message.Contains("tab", StringComparison.Ordinal) ? lines.Length - 1 : Math.Min(e.End.Line, lines.Length - 1);
        for (var i = e.Start.Line - 1; i <= last; i++)
            if (lines[i].TakeWhile(char.IsWhiteSpace).ToList().IndexOf('\t') is var tab and >= 0)
                return At(new Mark(0, i + 1, tab + 1)).Error("a tab indents this line; YAML indents with spaces");
        var message = e.Message.TrimEnd('.');
        return At(e.Start).Error($"not valid YAML: {char.ToLowerInvariant(message[0])}{message[1..]}");
    }
}
