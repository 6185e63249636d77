namespace TransformerTorch.Configuration;

/// <summary>One thing wrong in a configuration, and where: a file's line and column, from 1, or a <c>--set</c> flag (line 0).</summary>
public sealed record ConfigError(string Source, int Line, int Column, string Message)
{
    /// <summary><c>file:line:column: message</c>.</summary>
    public override string ToString() => Line == 0 ? $"{Source}: {Message}" : $"{Source}:{Line}:{Column}: {Message}";
}

/// <summary>A configuration that cannot be used. Holds everything that is wrong with it, not only the first.</summary>
public sealed class ConfigException(IReadOnlyList<ConfigError> errors) : Exception(string.Join('\n', errors))
{
    /// <summary>A single error.</summary>
    public ConfigException(ConfigError error) : this([error]) { }

    /// <summary>All errors, in the order in which they stand in the file.</summary>
    public IReadOnlyList<ConfigError> Errors { get; } = errors;
}
