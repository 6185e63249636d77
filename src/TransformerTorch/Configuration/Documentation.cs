using System.Collections.Concurrent;
using System.ComponentModel;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace TransformerTorch.Configuration;

/// <summary>What a key means, said once: in its [Description], else in the XML documentation that lies beside the assembly.</summary>
internal static partial class Documentation
{
    private static readonly ConcurrentDictionary<Assembly, IReadOnlyDictionary<string, string>> _summaries = [];

    public static string? Of(MemberInfo member)
    {
        if (member.GetCustomAttribute<DescriptionAttribute>()?.Description is { } text) return text;
        var owner = member as Type ?? member.DeclaringType!;
        var name = (member is Type ? "T:" : "P:") + owner.FullName!.Replace('+', '.') + (member is Type ? "" : "." + member.Name);
        return _summaries.GetOrAdd(owner.Assembly, Read).GetValueOrDefault(name);
    }

    private static Dictionary<string, string> Read(Assembly assembly)
    {
        var path = Path.Combine(AppContext.BaseDirectory, assembly.GetName().Name + ".xml");
        if (!File.Exists(path)) return [];
        return XDocument.Load(path).Descendants("member")
            .Where(member => member.Element("summary") is not null)
            .ToDictionary(member => (string)member.Attribute("name")!, member => Text(member.Element("summary")!));
    }

    // References keep their last name, code its backquotes, and line breaks become spaces.
    private static string Text(XElement summary) => Space().Replace(string.Concat(summary.Nodes().Select(node => node switch
    {
        XElement { Name.LocalName: "see" or "paramref" } link => $"`{(link.FirstAttribute?.Value ?? link.Value).Split('.', ':')[^1]}`",
        XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
        XElement other => other.Value,
        _ => node.ToString(SaveOptions.DisableFormatting).Replace("&lt;", "<", StringComparison.Ordinal)
            .Replace("&gt;", ">", StringComparison.Ordinal).Replace("&amp;", "&", StringComparison.Ordinal),
    })), " ").Trim();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
