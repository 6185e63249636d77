using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using System.Xml;
using System.Xml.Linq;

namespace TransformerTorch.Data.Sources;

/// <summary>A documented member of .NET's class library.</summary>
/// <param name="Id">Its documentation id, taken apart: kind of member, type, name.</param>
/// <param name="Signature">As C# readers write it.</param>
/// <param name="Summary">What it is or does, on one line.</param>
/// <param name="Returns">What it returns; empty where that is not said.</param>
public sealed record DocumentedMember(DocumentationId Id, string Signature, string Summary, string Returns)
{
    /// <summary>The namespace of its type.</summary>
    public required string Namespace { get; init; }
}

/// <summary>
/// The reference documentation that every .NET SDK carries (<c>packs/*/ref/*/*.xml</c>): real English on every machine that builds this.
/// One document a distinct summary, headed by the member's signature. A type falls into one split with all its members, so that no overload
/// of a method that is trained on is held out, and held-out text has the same company as text that is trained on.
/// </summary>
public sealed class DotnetDocumentation : ITextSource
{
    private static readonly string[] _naming = ["cref", "name", "langword", "href"];
    private readonly List<string> _files;
    private readonly Lazy<List<DocumentedMember>> _members;

    /// <summary>Finds the documentation.</summary>
    /// <param name="root">The .NET folder (it holds <c>packs</c>); null searches as <see cref="FindRoot"/> does.</param>
    /// <exception cref="DataException">It is not there.</exception>
    public DotnetDocumentation(string? root = null)
    {
        Root = root ?? FindRoot();
        _files = ReferenceFiles(Root);
        if (_files.Count == 0) throw Missing([Root]);
        var described = _files.Select(f => $"{Path.GetRelativePath(Root, f)}:{new FileInfo(f).Length}");
        Identity = "dotnet_docs/3\n" + string.Join('\n', described);
        _members = new(() => [.. Distinct()]);
    }

    /// <summary>The .NET folder that is read.</summary>
    public string Root { get; }

    /// <inheritdoc/>
    public string Identity { get; }

    /// <inheritdoc/>
    /// <remarks>
    /// Fields: <c>text</c> (kind, signature, summary, returns), <c>kind</c>, <c>namespace</c>, <c>type</c>, <c>signature</c>,
    /// <c>summary</c>, <c>returns</c>.
    /// </remarks>
    public IEnumerable<Document> Read(MalformedRecords malformed) => Members.Select(m => new Document(new JsonObject
    {
        ["text"] = $"{m.Id.Kind} {m.Signature}\n{m.Summary}{(m.Returns.Length > 0 ? $"\nReturns: {m.Returns}" : "")}",
        ["kind"] = m.Id.Kind, ["namespace"] = m.Namespace, ["type"] = m.Id.Type, ["signature"] = m.Signature,
        ["summary"] = m.Summary, ["returns"] = m.Returns,
    }, key: m.Id.Type, place: new(m.Id.Type)));

    /// <summary>The members with distinct summaries, by file and place in it; read once and kept (some 10 MB).</summary>
    /// <exception cref="DataException">A file is not well-formed XML.</exception>
    public IReadOnlyList<DocumentedMember> Members => _members.Value;

    private IEnumerable<DocumentedMember> Distinct()
    {
        var elements = Elements();
        var typeArguments = new Dictionary<string, string[]>();
        foreach (var (id, element) in elements.Where(e => e.Id.Kind == "type"))
            typeArguments.TryAdd(id.Type, Names(element, "typeparam"));

        var seen = new HashSet<string>();
        foreach (var (id, element) in elements)
        {
            var summary = Plain(element.Element("summary"));
            if (summary.Length < 4 || !seen.Add(summary)) continue;
            var arguments = typeArguments.GetValueOrDefault(id.Type, []);
            var signature = id.ToSignature(arguments, Names(element, "typeparam"), Names(element, "param"));
            yield return new(id, signature, summary, Plain(element.Element("returns"))) { Namespace = Namespace(id.Type) };
        }

        // An id writes a type within a type as it writes one within a namespace.
        string Namespace(string type)
        {
            do type = type.LastIndexOf('.') is > 0 and var dot ? type[..dot] : ""; while (typeArguments.ContainsKey(type));
            return type;
        }
    }

    private List<(DocumentationId Id, XElement Element)> Elements()
    {
        try
        {
            return [.. _files.AsParallel().AsOrdered().SelectMany(Load)];
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
            throw;
        }
    }

    /// <summary>The .NET folder: that of the running runtime, else <c>$DOTNET_ROOT</c>, else that of <c>dotnet</c> on the path.</summary>
    /// <exception cref="DataException">None of these holds reference documentation.</exception>
    public static string FindRoot()
    {
        var onPath = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet")).Where(File.Exists)
            .Select(file => Path.GetDirectoryName(File.ResolveLinkTarget(file, returnFinalTarget: true)?.FullName ?? file));
        var candidates = new[]
        {
            Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..")),
            Environment.GetEnvironmentVariable("DOTNET_ROOT"),
            Path.GetDirectoryName(Environment.ProcessPath),
        }.Concat(onPath).OfType<string>().Distinct().ToList();
        return candidates.FirstOrDefault(root => ReferenceFiles(root).Count > 0) ?? throw Missing(candidates);
    }

    // packs/PACK/VERSION/ref/FRAMEWORK/*.xml of each pack's newest version, in a fixed order.
    private static List<string> ReferenceFiles(string root)
    {
        var packs = Path.Combine(root, "packs");
        if (!Directory.Exists(packs)) return [];
        return Directory.GetDirectories(packs).Order(StringComparer.Ordinal)
            .Select(pack => Directory.GetDirectories(pack).OrderBy(VersionOf).LastOrDefault(v => Directory.Exists(Path.Combine(v, "ref"))))
            .OfType<string>()
            .SelectMany(version => Directory.GetFiles(Path.Combine(version, "ref"), "*.xml", SearchOption.AllDirectories)
                .Order(StringComparer.Ordinal))
            .ToList();
    }

    private static Version VersionOf(string folder) =>
        Version.TryParse(Path.GetFileName(folder).Split('-')[0], out var version) ? version : new Version();

    private static List<(DocumentationId Id, XElement Element)> Load(string file)
    {
        try
        {
            return XDocument.Load(file).Descendants("member")
                .Select(element => (DocumentationId.Parse((string?)element.Attribute("name") ?? ""), element))
                .Where(pair => pair.Item1 is not null).Select(pair => (pair.Item1!, pair.element)).ToList();
        }
        catch (XmlException e)
        {
            throw new DataException(
                $"{file}:{e.LineNumber}: not well-formed XML ({e.Message}). Repair the .NET SDK, or name another with data.path.", e);
        }
    }

    private static string[] Names(XElement member, string element) =>
        member.Elements(element).Select(e => (string?)e.Attribute("name") ?? "").Where(name => name.Length > 0).ToArray();

    private static string Plain(XElement? element)
    {
        if (element is null) return "";
        var text = new StringBuilder();
        Append(element, text);
        return string.Join(' ', text.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }

    private static void Append(XElement element, StringBuilder text)
    {
        foreach (var node in element.Nodes())
        {
            if (node is XText plain) text.Append(plain.Value);
            if (node is not XElement inner) continue;
            if (inner.Name.LocalName is "para" or "item" or "br" or "p" or "list" or "code") text.Append(' ');
            if (inner.HasElements || inner.Value.Length > 0) Append(inner, text);
            else if (_naming.Select(name => inner.Attribute(name)).FirstOrDefault(a => a is not null) is { } named)
                text.Append(named.Name.LocalName == "cref" ? DocumentationId.ShortReference(named.Value) : named.Value);
            if (inner.Name.LocalName is "para" or "item" or "p" or "list" or "code") text.Append(' ');
        }
    }

    private static DataException Missing(IEnumerable<string> searched) => new(
        $"No .NET reference documentation (packs/*/ref/*/*.xml) under {string.Join(", ", searched)}. " +
        "Install the .NET SDK (the runtime alone does not carry it), set DOTNET_ROOT to its folder, or name that folder with data.path.");
}
