using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Text.Json.Nodes;

namespace TransformerTorch.Configuration;

/// <summary>Nodes to records. Collects every error; what it returns counts only when there is none.</summary>
internal sealed class Binder(Type root, List<ConfigError> errors)
{
    private const int Listed = 20;
    private static readonly object _failed = new();

    public object? Bind(Mapping mapping) => Section(mapping, root, fallback: null, path: "");

    private object Section(Mapping mapping, Type type, object? fallback, string path)
    {
        var before = errors.Count;
        if (Variant(mapping, type, fallback, path) is not { } actual) return _failed;

        // Keys that are not given keep the values of the record that stands here by default.
        var record = fallback?.GetType() == actual ? Copy(fallback) : Activator.CreateInstance(actual, nonPublic: true)!;
        var keys = Shape.Keys(actual);
        foreach (var entry in mapping.Entries.Where(entry => entry.Name != Shape.Variants(actual)?.Key))
        {
            if (keys.FirstOrDefault(key => key.Name == entry.Name) is not { } key)
            {
                errors.Add(entry.Key.Place.Error($"unknown key `{Join(path, entry.Name)}`{Meant(entry.Name, actual, path)}"));
                continue;
            }
            var value = Value(entry.Value, key, key.Property.GetValue(record), Join(path, entry.Name));
            if (value != _failed) key.Property.SetValue(record, value);
        }
        foreach (var key in keys.Where(key => key.Required && mapping.Find(key.Name) is null))
        {
            var description = key.Description is { } text ? $" ({text.TrimEnd('.')})" : "";
            errors.Add(mapping.Place.Error($"missing key `{Join(path, key.Name)}`: expected {Shape.Expected(key.Type)}{description}"));
        }

        if (errors.Count == before && record is IValidated validated)
            foreach (var (key, message) in validated.Validate())
            {
                var named = string.Join('.', key.Split('.').Select(Shape.SnakeCase));
                errors.Add(Locate(mapping, named).Error($"{Join(path, named)}: {message}"));
            }
        return errors.Count == before ? record : _failed;
    }

    private Type? Variant(Mapping mapping, Type type, object? fallback, string path)
    {
        if (Shape.Variants(type) is not var (key, cases)) return type;
        var given = mapping.Find(key);
        if (given is null && fallback is not null) return fallback.GetType();
        if (given is null && !type.IsAbstract) return type;
        var choice = $"one of {string.Join(", ", cases.Keys.Select(name => $"`{name}`"))}";
        if (given is null)
            errors.Add(mapping.Place.Error($"missing key `{Join(path, key)}`: expected {choice}"));
        else if (given.Value is not Scalar { IsNull: false } scalar)
            errors.Add(given.Value.Place.Error($"{Join(path, key)}: expected {choice}, found {Scalars.Found(given.Value)}"));
        else if (cases.GetValueOrDefault(scalar.Text) is { } actual && actual.IsAssignableTo(type))
            return actual;
        else
        {
            var meant = Suggestion.Phrase(scalar.Text, [.. cases.Keys]);
            errors.Add(scalar.Place.Error($"{Join(path, key)}: `{scalar.Text}` is none of its values: {meant}"));
        }
        return null;
    }

    private object? Value(Node node, Key key, object? fallback, string path)
    {
        if (node is Scalar { IsNull: true })
        {
            if (key.Nullable) return null;
            errors.Add(node.Place.Error($"{path}: expected {Shape.Expected(key.Type)}, found nothing; give a value or remove the key"));
            return _failed;
        }
        var before = errors.Count;
        var value = Typed(node, Nullable.GetUnderlyingType(key.Type) ?? key.Type, fallback, path);
        if (errors.Count == before && key.Range is { } range) CheckRange(node, value, range, path);
        return errors.Count == before ? value : _failed;
    }

    private object? Typed(Node node, Type type, object? fallback, string path)
    {
        if (Shape.IsOpen(type))
        {
            var json = Json(node, path);
            return type.IsInstanceOfType(json) ? json : Fail(node, type, path);
        }
        if (Shape.ListItem(type) is { } item) return node is Sequence list ? List(list, item, type, path) : Fail(node, type, path);
        if (Shape.DictionaryValue(type) is { } values) return node is Mapping map ? Dictionary(map, values, path) : Fail(node, type, path);
        if (Shape.IsSection(type)) return node is Mapping section ? Section(section, type, fallback, path) : Fail(node, type, path);
        if (node is not Scalar scalar) return Fail(node, type, path);
        if (Scalars.Read(scalar, type, out var problem) is { } value) return value;
        errors.Add(node.Place.Error($"{path}: {problem}"));
        return _failed;
    }

    private object List(Sequence list, Type item, Type type, string path)
    {
        var items = list.Items.Select((node, i) => Item(node, item, $"{path}[{i}]")).ToArray();
        if (items.Contains(_failed)) return _failed;
        var array = Array.CreateInstance(item, items.Length);
        items.CopyTo(array, 0);
        return type.IsInstanceOfType(array) ? array : Activator.CreateInstance(typeof(List<>).MakeGenericType(item), array)!;
    }

    private object Dictionary(Mapping map, Type valueType, string path)
    {
        var dictionary = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(typeof(string), valueType))!;
        foreach (var entry in map.Entries)
        {
            var value = Item(entry.Value, valueType, Join(path, entry.Name));
            if (value != _failed) dictionary.Add(entry.Name, value);
        }
        return dictionary;
    }

    private object? Item(Node node, Type type, string path) =>
        node is Scalar { IsNull: true } && Nullable.GetUnderlyingType(type) is not null ? null
        : Typed(node, Nullable.GetUnderlyingType(type) ?? type, fallback: null, path);

    private JsonNode? Json(Node node, string path)
    {
        switch (node)
        {
            case Sequence list:
                return new JsonArray([.. list.Items.Select((item, i) => Json(item, $"{path}[{i}]"))]);
            case Mapping map:
                return new JsonObject(map.Entries
                    .Select(entry => KeyValuePair.Create(entry.Name, Json(entry.Value, Join(path, entry.Name)))));
            default:
                if (Scalars.Json((Scalar)node, out var json) is not { } problem) return json;
                errors.Add(node.Place.Error($"{path}: {problem}"));
                return null;
        }
    }

    private object Fail(Node node, Type type, string path)
    {
        errors.Add(node.Place.Error($"{path}: expected {Shape.Expected(type)}, found {Scalars.Found(node)}"));
        return _failed;
    }

    private void CheckRange(Node node, object? value, RangeAttribute range, string path)
    {
        foreach (var (item, i) in (value as IEnumerable ?? new[] { value }).Cast<object>().Select((item, i) => (item, i)))
            if (!range.IsValid(item))
            {
                var finite = item is double.PositiveInfinity or float.PositiveInfinity ? "a finite number, " : "";
                var place = node is Sequence list ? list.Items[i].Place : node.Place;
                var at = node is Sequence ? $"{path}[{i}]" : path;
                errors.Add(place.Error($"{at}: {Scalars.Write(item)} is out of range: expected {finite}{Scalars.Interval(range)}"));
            }
    }

    private string Meant(string name, Type section, string path)
    {
        var names = Shape.Keys(section).Select(key => key.Name).ToList();
        if (Shape.Variants(section) is var (kind, cases))
        {
            names.Add(kind);
            var others = cases.Where(item => item.Value != section && Shape.Keys(item.Value).Any(key => key.Name == name)).ToArray();
            if (others.Length > 0) return $" where `{kind}` is `{Shape.CaseName(section)}`: it belongs to `{kind}: {others[0].Key}`";
        }
        if (Needless(name, section) is { } why) return $": {why}";
        // A name that is right elsewhere says more than one that merely looks alike here.
        if ((KeyPaths.Of(root, name) ?? Suggestion.For(name, names)) is { } close) return $": did you mean `{close}`?";
        return names.Count > Listed ? ": it is none of the keys that docs/configuration.md explains"
            : $": {(path == "" ? "the file" : $"`{path}`")} has {string.Join(", ", names.Select(known => $"`{known}`"))}";
    }

    private static string? Needless(string name, Type section)
        => section.GetCustomAttributes<NeedlessAttribute>().FirstOrDefault(needless => needless.Names.Contains(name))?.Why;

    private static Place Locate(Node node, string path)
    {
        foreach (var name in path.Split('.'))
        {
            if ((node as Mapping)?.Find(name) is not { } entry) break;
            node = entry.Value;
        }
        return node.Place;
    }

    private static object Copy(object record) =>
        record.GetType().GetMethod("<Clone>$", BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance)?.Invoke(record, null)
        ?? throw new InvalidOperationException($"{record.GetType()} is not a record; a configuration section must be one.");

    private static string Join(string path, string name) => path == "" ? name : $"{path}.{name}";
}
