namespace TransformerTorch.Configuration;

/// <summary>What other trainers call a key. Such a name is not read, but who writes one is told the right one.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class KnownAsAttribute(params string[] names) : Attribute
{
    public IReadOnlyList<string> Names { get; } = names;
}

/// <summary>Keys of other trainers that a configuration has no use for, and why: an error's last words.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
internal sealed class NeedlessAttribute(string why, params string[] names) : Attribute
{
    public IReadOnlyList<string> Names { get; } = names;

    public string Why { get; } = why;
}
