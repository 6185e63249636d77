using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace TransformerTorch.Configuration;

/// <summary>A key of a section: a property that can be set.</summary>
internal sealed record Key(string Name, PropertyInfo Property, bool Nullable, bool ItemsNullable)
{
    public Type Type => Property.PropertyType;

    public bool Required => Property.IsDefined(typeof(RequiredMemberAttribute), inherit: true);

    public RangeAttribute? Range => Property.GetCustomAttribute<RangeAttribute>();

    public string? Description => Documentation.Of(Property);

    public IReadOnlyList<string> OtherNames => Property.GetCustomAttribute<KnownAsAttribute>()?.Names ?? [];
}

/// <summary>How a .NET type is written in YAML: its kind, its keys, its names. Reader, writer, schema and page all follow it.</summary>
internal static class Shape
{
    private static readonly ConcurrentDictionary<Type, IReadOnlyList<Key>> _keys = [];

    public static string SnakeCase(string name) => JsonNamingPolicy.SnakeCaseLower.ConvertName(name);

    /// <summary>The settable properties of a record, a base's first, in the order of their declaration.</summary>
    public static IReadOnlyList<Key> Keys(Type type) => _keys.GetOrAdd(type, static type =>
    {
        var nullability = new NullabilityInfoContext();
        var depth = (Type? t) => { var n = 0; for (; t is not null; t = t.BaseType) n++; return n; };
        return [.. type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.SetMethod is { IsPublic: true } && property.GetIndexParameters().Length == 0)
            .Where(property => !property.IsDefined(typeof(JsonIgnoreAttribute), inherit: true))
            .OrderBy(property => depth(property.DeclaringType)).ThenBy(property => property.MetadataToken)
            .Select(property =>
            {
                var info = nullability.Create(property);
                var item = info.ElementType ?? info.GenericTypeArguments.LastOrDefault();
                var name = property.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name ?? SnakeCase(property.Name);
                return new Key(name, property, info.WriteState is NullabilityState.Nullable, item?.WriteState is NullabilityState.Nullable);
            })];
    });

    /// <summary>The element type of a list, or null.</summary>
    public static Type? ListItem(Type type) =>
        type.IsArray ? type.GetElementType()
        : IsGeneric(type, typeof(IReadOnlyList<>), typeof(IReadOnlyCollection<>), typeof(IEnumerable<>), typeof(IList<>), typeof(List<>))
            ? type.GetGenericArguments()[0]
            : null;

    /// <summary>The value type of a dictionary with names as keys, or null.</summary>
    public static Type? DictionaryValue(Type type) =>
        IsGeneric(type, typeof(IReadOnlyDictionary<,>), typeof(IDictionary<,>), typeof(Dictionary<,>))
        && type.GetGenericArguments() is [var key, var value] && key == typeof(string) ? value : null;

    /// <summary>A section without a fixed set of keys.</summary>
    public static bool IsOpen(Type type) => type.IsAssignableTo(typeof(JsonNode));

    public static bool IsWhole(Type type) => type == typeof(int) || type == typeof(long) || type == typeof(uint) || type == typeof(ulong)
        || type == typeof(short) || type == typeof(ushort) || type == typeof(byte) || type == typeof(sbyte);

    public static bool IsReal(Type type) => type == typeof(double) || type == typeof(float) || type == typeof(decimal);

    public static bool IsSection(Type type) => type.IsClass && type != typeof(string) && !IsOpen(type)
        && ListItem(type) is null && DictionaryValue(type) is null && !IsParsable(type);

    /// <summary>A type that reads itself from text, such as a size written <c>5GB</c>.</summary>
    public static bool IsParsable(Type type) => !type.IsPrimitive && type != typeof(string) && !type.IsEnum
        && type.GetInterfaces().Any(item => IsGeneric(item, typeof(IParsable<>)));

    /// <summary>The names of an enum's values as YAML writes them: snake_case, or as [JsonStringEnumMemberName] says.</summary>
    public static IReadOnlyDictionary<string, object> EnumNames(Type type) =>
        type.GetFields(BindingFlags.Public | BindingFlags.Static).ToDictionary(
            field => field.GetCustomAttribute<JsonStringEnumMemberNameAttribute>()?.Name ?? SnakeCase(field.Name),
            field => field.GetValue(null)!);

    /// <summary>
    /// The key that tells which record a section is, and the records by its values, for a base marked [JsonPolymorphic] and
    /// [JsonDerivedType]; asked of such a record itself as well. Null for any other type.
    /// </summary>
    public static (string Key, IReadOnlyDictionary<string, Type> Cases)? Variants(Type type)
    {
        for (var t = type; t is not null; t = t.BaseType)
        {
            if (t.GetCustomAttribute<JsonPolymorphicAttribute>(inherit: false)?.TypeDiscriminatorPropertyName is not { } key) continue;
            var cases = t.GetCustomAttributes<JsonDerivedTypeAttribute>(inherit: false);
            return (key, cases.ToDictionary(item => (string)item.TypeDiscriminator!, item => item.DerivedType));
        }
        return null;
    }

    /// <summary>The name under which a base's [JsonDerivedType] knows this record.</summary>
    public static string? CaseName(Type type) => Variants(type)?.Cases.FirstOrDefault(item => item.Value == type).Key;

    /// <summary>What a value of this type is called in an error.</summary>
    public static string Expected(Type type) => Nullable.GetUnderlyingType(type) is { } inner ? Expected(inner)
        : type == typeof(bool) ? "true or false"
        : IsWhole(type) ? "a whole number"
        : IsReal(type) ? "a number"
        : type == typeof(string) ? "text"
        : type.IsEnum ? "one of " + string.Join(", ", EnumNames(type).Keys.Select(name => $"`{name}`"))
        : ListItem(type) is { } item ? $"a list, each item {Expected(item)}"
        : DictionaryValue(type) is not null || IsOpen(type) || IsSection(type) ? "a section of `key: value` lines"
        : $"a {SnakeCase(type.Name).Replace('_', ' ')}";

    private static bool IsGeneric(Type type, params Type[] definitions) =>
        type.IsGenericType && definitions.Contains(type.GetGenericTypeDefinition());
}
