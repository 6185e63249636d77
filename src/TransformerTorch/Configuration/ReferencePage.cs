using System.Text;

namespace TransformerTorch.Configuration;

/// <summary>The page that lists every key of a configuration, generated from its records.</summary>
public static class ReferencePage
{
    /// <summary>Markdown: a heading a section, a line a key with its type, default and meaning.</summary>
    public static string Of(Type root, string introduction)
    {
        var page = new StringBuilder(introduction.TrimEnd()).Append('\n');
        Section(page, root, JsonSchema.Default(root), path: "");
        return page.ToString();
    }

    private static void Section(StringBuilder page, Type type, object? record, string path)
    {
        if (path != "")
        {
            var kind = Shape.Variants(type) is var (name, _) && Shape.CaseName(type) is { } value ? $" with `{name}: {value}`" : "";
            page.Append($"\n## `{path}`{kind}\n");
        }
        if (Documentation.Of(type) is { } summary) page.Append($"\n{summary}\n");
        var keys = Shape.Keys(type);
        if (keys.Count > 0) page.Append("\n| key | value | default | meaning |\n|---|---|---|---|\n");
        foreach (var key in keys)
        {
            var value = record is null ? null : key.Property.GetValue(record);
            page.Append($"| `{key.Name}` | {Cell(Expected(key))} | {Cell(Default(key, value))} | {Cell(key.Description ?? "")} |\n");
        }
        foreach (var key in keys.Where(key => Shape.IsSection(key.Type)))
        {
            var value = record is null ? null : key.Property.GetValue(record);
            foreach (var actual in KeyPaths.Alternatives(key.Type))
                Section(page, actual, value?.GetType() == actual ? value : JsonSchema.Default(actual), path == "" ? key.Name : $"{path}.{key.Name}");
        }
    }

    private static string Expected(Key key) => Shape.IsSection(key.Type) ? "section"
        : (Shape.IsOpen(key.Type) ? "open section" : Shape.Expected(key.Type)) + (key.Range is { } range ? $", {Scalars.Interval(range)}" : "");

    private static string Default(Key key, object? value) => key.Required ? "required"
        : value is null ? (key.Nullable ? "none" : "")
        : Shape.IsSection(key.Type) || Shape.IsOpen(key.Type) ? ""
        : $"`{YamlWriter.Write(value).Trim()}`";

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);
}
