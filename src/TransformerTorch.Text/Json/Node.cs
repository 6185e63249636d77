using System.Text.Json;

namespace TransformerTorch.Text.Json;

/// <summary>A place in a tokenizer file: its value and the way to it, for errors that name both.</summary>
internal readonly record struct Node(JsonElement Value, string File, string Path)
{
    public bool IsNull => Value.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined;

    public TokenizerException Error(string message) => new($"{File}: {Path}: {message}");

    /// <summary>The member, or a node that is null.</summary>
    public Node this[string name]
    {
        get
        {
            if (Value.ValueKind != JsonValueKind.Object)
                throw Error($"an object is expected, not {Kind}");
            return new Node(Value.TryGetProperty(name, out var member) ? member : default, File, $"{Path}.{name}");
        }
    }

    public Node Required(string name)
    {
        var member = this[name];
        return member.Value.ValueKind == JsonValueKind.Undefined ? throw Error($"'{name}' is missing") : member;
    }

    public IEnumerable<Node> Items()
    {
        if (Value.ValueKind != JsonValueKind.Array)
            throw Error($"a list is expected, not {Kind}");
        var i = 0;
        foreach (var item in Value.EnumerateArray())
            yield return new Node(item, File, $"{Path}[{i++}]");
    }

    public IEnumerable<(string Name, Node Value)> Members()
    {
        if (Value.ValueKind != JsonValueKind.Object)
            throw Error($"an object is expected, not {Kind}");
        foreach (var member in Value.EnumerateObject())
            yield return (member.Name, new Node(member.Value, File, $"{Path}.{member.Name}"));
    }

    /// <summary>A text of one character.</summary>
    public string Character() => String() is var text && text.EnumerateRunes().Take(2).Count() == 1
        ? text
        : throw Error($"one character is expected, not {Kind}");

    public string String() => Value.ValueKind == JsonValueKind.String ? Value.GetString()! : throw Error($"a text is expected, not {Kind}");

    public string? StringOrNull() => IsNull ? null : String();

    public bool Boolean() => Value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Error($"true or false is expected, not {Kind}"),
    };

    public bool Boolean(bool absent) => IsNull ? absent : Boolean();

    /// <summary>A number from 0 to the greatest int: ids, counts, lengths.</summary>
    public int Count() => Value.ValueKind == JsonValueKind.Number && Value.TryGetInt32(out var number) && number is >= 0 and < int.MaxValue
        ? number
        : throw Error($"a whole number from 0 to {int.MaxValue - 1} is expected, not {Kind}");

    /// <summary>A length without a limit of its own: what exceeds an int is its greatest.</summary>
    public int Length() => Value.ValueKind == JsonValueKind.Number && Value.TryGetUInt64(out var number)
        ? (int)Math.Min(number, int.MaxValue)
        : throw Error($"a whole number is expected, not {Kind}");

    public double Number() => Value.ValueKind == JsonValueKind.Number && Value.TryGetDouble(out var number) && double.IsFinite(number)
        ? number
        : throw Error($"a number is expected, not {Kind}");

    /// <summary>One of the values of <typeparamref name="T"/>, by the names that the file uses.</summary>
    public T Choice<T>(params (string Name, T Value)[] choices)
    {
        var name = String();
        foreach (var choice in choices)
        {
            if (choice.Name == name)
                return choice.Value;
        }
        throw Error($"'{name}' is none of {string.Join(", ", choices.Select(choice => choice.Name))}");
    }

    private string Kind
    {
        get
        {
            if (Value.ValueKind == JsonValueKind.Undefined)
                return "nothing";
            var text = Value.GetRawText();
            return text.Length <= 60 ? text : text[..60] + "...";
        }
    }
}
