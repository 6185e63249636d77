namespace TransformerTorch.Configuration;

/// <summary>A file, what it extends, and overrides, merged into one mapping whose values know where they come from.</summary>
internal sealed class ConfigFile(Type root, List<ConfigError> errors)
{
    private const long MaxBytes = 1 << 20;

    /// <summary>False when a part could not be read at all: errors about what is missing would then mislead.</summary>
    public bool Complete { get; private set; } = true;

    public Mapping Read(string path, IEnumerable<string> overrides) => Override(File(path, default, []), overrides);

    public Mapping Parse(string text, string name, IEnumerable<string> overrides) => Override(Top(text, name, name, []), overrides);

    private Mapping File(string path, Place from, IReadOnlyList<string> above)
    {
        var place = from == default ? new Place(path, 0, 0) : from;
        var full = Path.GetFullPath(path);
        if (above.Contains(full))
        {
            var cycle = above.SkipWhile(file => file != full).Append(full).Select(file => Path.GetFileName(file));
            Unreadable(place.Error($"`extends` goes round in a circle: {string.Join(" -> ", cycle)}"));
            return new Mapping(place, []);
        }
        try
        {
            if (Directory.Exists(path)) throw new IOException($"{path} is a folder; expected a YAML file");
            if (new FileInfo(path) is { Exists: true, Length: > MaxBytes } file)
                throw new IOException($"{path} has {file.Length} bytes; a configuration has at most {MaxBytes}. Is this the right file?");
            return Top(System.IO.File.ReadAllText(path), path, full, above);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            Unreadable(place.Error($"there is no file {path}{Nearby(full)}"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Unreadable(place.Error(e.Message));
        }
        return new Mapping(place, []);
    }

    private Mapping Top(string text, string name, string full, IReadOnlyList<string> above)
    {
        var node = Node(text, name, line: 1);
        if (node is not Mapping mapping)
        {
            if (node is not null and not Scalar { IsNull: true })
                errors.Add(node.Place.Error($"expected `key: value` lines, found {Scalars.Found(node)}"));
            return new Mapping(new Place(name, 1, 1), []);
        }
        if (mapping.Find("extends")?.Value is not { } extends) return mapping;

        var bases = extends is Sequence list ? list.Items : [extends];
        var merged = new Mapping(mapping.Place, []);
        foreach (var named in bases)
        {
            if (Scalars.Read(named as Scalar ?? new Scalar(named.Place, "", Plain: true), typeof(string), out _) is not string other)
            {
                errors.Add(named.Place.Error(
                    $"extends: expected the path of a YAML file, from this file's folder, found {Scalars.Found(named)}"));
                continue;
            }
            merged = Merge(merged, File(Path.Combine(Path.GetDirectoryName(name) ?? "", other), named.Place, [.. above, full]), root);
        }
        return Merge(merged, mapping.Without("extends"), root);
    }

    private Node? Node(string text, string source, int line)
    {
        try
        {
            return new NodeReader(source, line, errors).Read(text);
        }
        catch (ConfigException e)
        {
            Unreadable(e.Errors[0]);
            return null;
        }
    }

    private void Unreadable(ConfigError error)
    {
        errors.Add(error);
        Complete = false;
    }

    private Mapping Override(Mapping mapping, IEnumerable<string> overrides)
    {
        foreach (var text in overrides)
        {
            var place = new Place($"--set {text}", 0, 0);
            var (path, equals) = (text.Split('=')[0].Trim(), text.IndexOf('=', StringComparison.Ordinal));
            if (equals < 0 || path.Split('.').Any(string.IsNullOrWhiteSpace))
            {
                errors.Add(place.Error("expected KEY=VALUE, where KEY is a path such as `training.learning_rate`"));
                continue;
            }
            var value = Node(text[(equals + 1)..], place.Source, line: 0) ?? new Scalar(place, "", Plain: true);
            foreach (var name in path.Split('.').Reverse())
                value = new Mapping(place, [new Entry(new Scalar(place, name, Plain: true), value)]);
            mapping = Merge(mapping, (Mapping)value, root);
        }
        return mapping;
    }

    // Sections merge key by key; anything else is replaced, and so is a section that the other file makes another kind of.
    private static Mapping Merge(Mapping under, Mapping over, Type? type)
    {
        if (type is not null && Shape.Variants(type) is var (discriminator, cases))
        {
            var (was, now) = (Name(under, discriminator), Name(over, discriminator));
            if (now is not null && was is not null && now != was) return over;
            type = cases.GetValueOrDefault(now ?? was ?? "");
        }
        var keys = type is not null && Shape.IsSection(type) ? Shape.Keys(type) : [];
        var entries = under.Entries.ToDictionary(entry => entry.Name);
        foreach (var entry in over.Entries)
        {
            var below = keys.FirstOrDefault(key => key.Name == entry.Name)?.Type;
            entries[entry.Name] = entry.Value is Mapping map && entries.GetValueOrDefault(entry.Name)?.Value is Mapping old
                ? entry with { Value = Merge(old, map, below) }
                : entry;
        }
        return new Mapping(over.Entries.Count > 0 && over.Place.Line > 0 ? over.Place : under.Place, [.. entries.Values]);

        static string? Name(Mapping mapping, string key) => (mapping.Find(key)?.Value as Scalar)?.Text;
    }

    private static string Nearby(string path)
    {
        if (Path.GetDirectoryName(path) is not { } folder || !Directory.Exists(folder)) return "";
        // By stems: a shared ".yaml" makes no two names alike.
        var names = Directory.EnumerateFiles(folder).Where(file => Path.GetExtension(file) is ".yaml" or ".yml")
            .ToLookup(file => Path.GetFileNameWithoutExtension(file), file => Path.GetFileName(file));
        var name = Suggestion.For(Path.GetFileNameWithoutExtension(path), names.Select(group => group.Key));
        return name is null ? "" : $"; did you mean {names[name].First()}?";
    }
}
