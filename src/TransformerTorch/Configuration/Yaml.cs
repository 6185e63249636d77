namespace TransformerTorch.Configuration;

/// <summary>
/// Strict YAML to records and back. A record's settable properties are its keys, in snake_case; <c>required</c> ones must be given,
/// others keep the value the record starts with. Understood: text, numbers, bools, enums, lists, dictionaries by name, nested records,
/// records told apart by a key ([JsonPolymorphic], [JsonDerivedType]), <see cref="System.Text.Json.Nodes.JsonNode"/> for open sections,
/// and types that parse themselves (<see cref="IParsable{TSelf}"/>). [Range] and <see cref="IValidated"/> are checked. A file may say
/// <c>extends: other.yaml</c>.
/// </summary>
public static class Yaml
{
    /// <summary>Reads a file; <paramref name="overrides"/> are <c>key.path=value</c>, typed as YAML, the last wins.</summary>
    /// <exception cref="ConfigException">Holds everything that is wrong, with file, line and column.</exception>
    public static T Load<T>(string path, IEnumerable<string>? overrides = null) where T : class =>
        Bind<T>(file => file.Read(path, overrides ?? []));

    /// <summary>As <see cref="Load{T}"/>, from text; <paramref name="name"/> stands for the file in errors.</summary>
    /// <exception cref="ConfigException">Holds everything that is wrong, with line and column.</exception>
    public static T Parse<T>(string text, string name = "yaml", IEnumerable<string>? overrides = null) where T : class =>
        Bind<T>(file => file.Parse(text, name, overrides ?? []));

    /// <summary>Every key with its value, defaults too; reads back to an equal record.</summary>
    public static string Write(object record) => YamlWriter.Write(record);

    private static T Bind<T>(Func<ConfigFile, Mapping> read) where T : class
    {
        var errors = new List<ConfigError>();
        var file = new ConfigFile(typeof(T), errors);
        var mapping = read(file);
        var record = file.Complete ? new Binder(typeof(T), errors).Bind(mapping) : null;
        return errors.Count == 0 ? (T)record! : throw new ConfigException(errors);
    }
}
