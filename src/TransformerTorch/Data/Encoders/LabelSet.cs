namespace TransformerTorch.Data.Encoders;

/// <summary>The classes of a task, in the order of their ids.</summary>
public sealed class LabelSet(IReadOnlyList<string> names)
{
    private readonly Dictionary<string, int> _ids = names.Select((name, id) => (name, id)).ToDictionary(pair => pair.name, pair => pair.id);

    /// <summary>Their names.</summary>
    public IReadOnlyList<string> Names => names;

    /// <summary>What the examples depend on.</summary>
    public string Identity => string.Join('\t', names);

    /// <summary>The id of a class.</summary>
    /// <exception cref="RecordException">There is no such class.</exception>
    public int Id(string field, string name) => _ids.TryGetValue(name, out var id) ? id
        : throw new RecordException($"field '{field}' is '{name}', which is none of the labels: {Some()}");

    private string Some() => string.Join(", ", names.Take(10)) + (names.Count > 10 ? $" and {names.Count - 10} more" : "");
}
