namespace TransformerTorch.Configuration;

/// <summary>Where something stands: a file with line and column, or a flag of the command line (line 0).</summary>
internal readonly record struct Place(string Source, int Line, int Column)
{
    public ConfigError Error(string message) => new(Source, Line, Column, message);
}

/// <summary>A piece of YAML that remembers where it stands. <see cref="Size"/> counts what aliases repeat.</summary>
internal abstract record Node(Place Place)
{
    public virtual long Size => 1;
}

/// <summary>A scalar as written; <paramref name="Plain"/> when it stands without quotes, and so may be a number, a bool or null.</summary>
internal sealed record Scalar(Place Place, string Text, bool Plain) : Node(Place)
{
    public bool IsNull => Plain && Text is "" or "~" or "null" or "Null" or "NULL";
}

internal sealed record Sequence(Place Place, IReadOnlyList<Node> Items) : Node(Place)
{
    public override long Size { get; } = 1 + Items.Sum(item => item.Size);
}

internal sealed record Entry(Scalar Key, Node Value)
{
    public string Name => Key.Text;
}

internal sealed record Mapping(Place Place, IReadOnlyList<Entry> Entries) : Node(Place)
{
    public override long Size { get; } = 1 + Entries.Sum(entry => entry.Value.Size);

    public Entry? Find(string name) => Entries.FirstOrDefault(entry => entry.Name == name);

    public Mapping Without(string name) => new(Place, [.. Entries.Where(entry => entry.Name != name)]);
}
