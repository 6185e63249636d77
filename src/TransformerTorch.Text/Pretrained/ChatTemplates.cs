using System.Text.Json;
using TransformerTorch.Text.Json;

namespace TransformerTorch.Text.Pretrained;

/// <summary>The sources of a folder's chat templates, by name; the usual one is "default".</summary>
internal static class ChatTemplates
{
    public const string DefaultName = "default";

    /// <summary>Files (chat_template.jinja, additional_chat_templates/NAME.jinja), or else the config's text or named texts.</summary>
    public static Dictionary<string, string> Read(string folder, Node config)
    {
        var templates = new Dictionary<string, string>();
        if (Path.Combine(folder, "chat_template.jinja") is var file && File.Exists(file))
            templates[DefaultName] = File.ReadAllText(file);
        if (Path.Combine(folder, "additional_chat_templates") is var others && Directory.Exists(others))
        {
            foreach (var other in Directory.EnumerateFiles(others, "*.jinja").Order(StringComparer.Ordinal))
                templates[Path.GetFileNameWithoutExtension(other)] = File.ReadAllText(other);
        }
        if (templates.Count > 0 || config.IsNull)
            return templates;
        if (config.Value.ValueKind == JsonValueKind.String)
        {
            templates[DefaultName] = config.String();
            return templates;
        }
        foreach (var item in config.Items())
            templates[item.Required("name").String()] = item.Required("template").String();
        return templates;
    }
}
