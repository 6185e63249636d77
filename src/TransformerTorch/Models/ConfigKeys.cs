using System.Text.Json;
using System.Text.Json.Nodes;

namespace TransformerTorch.Models;

/// <summary>
/// The keys of a published configuration, read by type; what is wrong is named with its key, its value and where it stands.
/// </summary>
public sealed partial class ConfigKeys
{
    private readonly JsonObject _json;
    private readonly string _source;
    private readonly string _path;
    private readonly HashSet<string> _read = [];

    /// <summary>Keys and where they come from, for messages.</summary>
    public ConfigKeys(JsonObject json, string source) : this(json, source, "") { }

    private ConfigKeys(JsonObject json, string source, string path) => (_json, _source, _path) = (json, source, path);

    /// <summary>Keys that somebody has asked for, given or not.</summary>
    public IReadOnlyCollection<string> Asked => _read;

    /// <summary>Keys that nobody has asked for.</summary>
    public IEnumerable<string> Unread => _json.Select(p => p.Key).Where(k => !_read.Contains(k));

    /// <summary>Whether the key is there and not null.</summary>
    public bool Has(string key) => Node(key) is not null;

    /// <summary>A whole number of at least <paramref name="least"/>.</summary>
    public int Whole(string key, int? otherwise = null, int least = 1)
    {
        var value = Value(key, otherwise, "a whole number", n => n.GetValue<int>());
        return value >= least ? value : throw Wrong(key, $"at least {least}");
    }

    /// <summary>A whole number; null where it is given as null.</summary>
    public int? WholeOrNull(string key, int? otherwise) => Has(key) ? Whole(key) : IsNull(key) ? null : otherwise;

    /// <summary>A number; null where it is given as null.</summary>
    public double? NumberOrNull(string key, double? otherwise) => Has(key) ? Number(key) : IsNull(key) ? null : otherwise;

    /// <summary>A number.</summary>
    public double Number(string key, double? otherwise = null) => Value(key, otherwise, "a number", n => n.GetValue<double>());

    /// <summary>A probability, 0 included and 1 not.</summary>
    public double Probability(string key, double? otherwise = null)
        => Number(key, otherwise) is >= 0 and < 1 and var p ? p : throw Wrong(key, "a probability in [0, 1)");

    /// <summary>true or false.</summary>
    public bool Flag(string key, bool? otherwise = null) => Value(key, otherwise, "true or false", n => n.GetValue<bool>());

    /// <summary>A text.</summary>
    public string Text(string key, string? otherwise = null)
    {
        if (Node(key) is not { } node) return otherwise ?? throw Missing(key);
        return node.GetValueKind() == JsonValueKind.String ? node.GetValue<string>() : throw Wrong(key, "a text");
    }

    /// <summary>A text out of those that a table knows.</summary>
    public string OneOf(string key, IEnumerable<string> known, string? otherwise = null)
    {
        var value = Text(key, otherwise);
        return known.Contains(value) ? value : throw Wrong(key, "one of " + string.Join(", ", known.Order()));
    }

    /// <summary>One id, or a list of them; none where the key is absent or null.</summary>
    public IReadOnlyList<int> Ids(string key) => Node(key) switch
    {
        null => [],
        JsonArray list => [.. list.Select(n => n!.GetValue<int>())],
        var one => [Cast(key, one, "an id or a list of ids", n => n.GetValue<int>())],
    };

    /// <summary>Words, in a list or in one text between bars ("c2p|p2c"); none where the key is absent or null.</summary>
    public IReadOnlyList<string> Words(string key) => Node(key) switch
    {
        null => [],
        JsonArray list => [.. list.Select(n => $"{n}".ToLowerInvariant())],
        var one => Cast(key, one, "words", n => n.GetValue<string>()).ToLowerInvariant()
            .Split('|', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
    };

    /// <summary>A list of numbers.</summary>
    public IReadOnlyList<double> Numbers(string key) => Node(key) is JsonArray list
        ? [.. list.Select(n => Cast(key, n!, "numbers", v => v.GetValue<double>()))]
        : throw Wrong(key, "a list of numbers");

    /// <summary>The key by which the configuration calls something that has several; the first where it calls it by none.</summary>
    public string Name(params string[] names) => names.FirstOrDefault(Has, names[0]);

    /// <summary>The keys of an object inside; null where it is absent.</summary>
    public ConfigKeys? Section(string key) => Node(key) switch
    {
        null => null,
        JsonObject inside => new ConfigKeys(inside, $"{_source}: {key}", $"{_path}{key}."),
        _ => throw Wrong(key, "an object"),
    };

    /// <summary>A key's value cannot be.</summary>
    public ModelConfigException Wrong(string key, string expected)
        => new($"{_source}: {key} is {_json[key]?.ToJsonString() ?? "null"}, expected {expected}", _path + key);

    /// <summary>Keys contradict each other.</summary>
    public ModelConfigException Contradiction(string message) => new($"{_source}: {message}");

    private T Value<T>(string key, T? otherwise, string expected, Func<JsonNode, T> read) where T : struct
        => Node(key) is { } node ? Cast(key, node, expected, read) : otherwise ?? throw Missing(key);

    private T Cast<T>(string key, JsonNode node, string expected, Func<JsonNode, T> read)
    {
        try
        {
            return read(node);
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException or OverflowException)
        {
            throw Wrong(key, expected);
        }
    }

    private bool IsNull(string key) => _json.ContainsKey(key) && !Has(key);

    private JsonNode? Node(string key)
    {
        _read.Add(key);
        return _json[key];
    }

    private ModelConfigException Missing(string key) => new($"{_source}: {key} is missing", _path + key);
}
