using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace TorchSharp.Tests;

/// <summary>
/// A public API as sorted text, one line a type or member: the declaring type, then modifiers, types, names and defaults as C# writes them.
/// </summary>
public static class Signatures
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    /// <summary>All public types of an assembly with their public and protected members, sorted.</summary>
    public static IEnumerable<string> Of(Assembly assembly) =>
        assembly.GetExportedTypes().SelectMany(Of).Order(StringComparer.Ordinal);

    private static IEnumerable<string> Of(Type type)
    {
        var owner = Name(type);
        yield return $"{owner} | {Kind(type)}{Bases(type)}";
        if (typeof(Delegate).IsAssignableFrom(type)) {
            yield break;
        }
        foreach (var member in type.GetMembers(Declared)) {
            if (Line(member) is { } line) {
                yield return $"{owner} | {line}";
            }
        }
    }

    private static string? Line(MemberInfo member) => member switch {
        ConstructorInfo { IsStatic: false } c when Visible(c) => $"{Access(c)} .ctor({Parameters(c)})",
        MethodInfo m when Visible(m) && (!m.IsSpecialName || m.Name.StartsWith("op_", StringComparison.Ordinal)) =>
            $"{Access(m)} {Name(m.ReturnType)} {m.Name}{Generics(m)}({Parameters(m)})",
        PropertyInfo p when (p.GetMethod ?? p.SetMethod) is { } a && Visible(a) =>
            $"{Access(a)} {Name(p.PropertyType)} {p.Name}{Index(p)} "
            + $"{{{(Visible(p.GetMethod) ? " get;" : "")}{(Visible(p.SetMethod) ? " set;" : "")} }}",
        FieldInfo { IsSpecialName: false } f when f.IsPublic || f.IsFamily || f.IsFamilyOrAssembly =>
            f.IsLiteral ? $"const {Name(f.FieldType)} {f.Name} = {Convert.ToString(f.GetRawConstantValue(), CultureInfo.InvariantCulture)}"
                        : (f.IsPublic ? "public" : "protected") + (f.IsStatic ? " static" : "") + (f.IsInitOnly ? " readonly" : "")
                  + $" {Name(f.FieldType)} {f.Name}",
        EventInfo e when Visible(e.AddMethod) => $"event {Name(e.EventHandlerType!)} {e.Name}",
        _ => null,
    };

    private static bool Visible(MethodBase? m) => m is { } && (m.IsPublic || m.IsFamily || m.IsFamilyOrAssembly);

    private static string Access(MethodBase m)
    {
        var overrides = m is MethodInfo { IsVirtual: true } v && v.GetBaseDefinition() != v;
        var kind = m.IsStatic ? " static" : overrides ? " override" : m.IsAbstract ? " abstract" : m.IsVirtual
            && !m.IsFinal ? " virtual" : "";
        return (m.IsPublic ? "public" : "protected") + kind;
    }

    private static string Kind(Type t) =>
        typeof(Delegate).IsAssignableFrom(t) ? $"delegate {Name(t.GetMethod("Invoke")!.ReturnType)} ({Parameters(t.GetMethod("Invoke")!)})"
        : t.IsEnum ? "enum " + Name(Enum.GetUnderlyingType(t)) : t.IsValueType ? "struct" : t.IsInterface ? "interface"
        : t.IsAbstract && t.IsSealed ? "static class" : t.IsAbstract ? "abstract class" : t.IsSealed ? "sealed class" : "class";

    private static string Bases(Type t) =>
        t.IsClass && t.BaseType is { } b && b != typeof(object) && !typeof(Delegate).IsAssignableFrom(t) ? " : " + Name(b) : "";

    private static string Index(PropertyInfo p) =>
        p.GetIndexParameters() is { Length: > 0 } i ? $"[{string.Join(", ", i.Select(Parameter))}]" : "";

    private static string Generics(MethodInfo m) =>
        m.IsGenericMethod ? $"<{string.Join(", ", m.GetGenericArguments().Select(a => a.Name))}>" : "";

    private static string Parameters(MethodBase m) =>
        (m.IsDefined(typeof(ExtensionAttribute)) ? "this " : "") + string.Join(", ", m.GetParameters().Select(Parameter));

    private static string Parameter(ParameterInfo p)
    {
        var by = p.IsOut ? "out " : p.ParameterType.IsByRef ? (p.IsIn ? "in " : "ref ") : "";
        var many = p.IsDefined(typeof(ParamArrayAttribute)) ? "params " : "";
        return $"{by}{many}{Name(p.ParameterType)} {p.Name}{(p.HasDefaultValue ? " = " + Default(p) : "")}";
    }

    private static string Default(ParameterInfo p)
    {
        var type = Nullable.GetUnderlyingType(p.ParameterType) ?? p.ParameterType;
        return p.RawDefaultValue switch {
            null => type.IsValueType && type == p.ParameterType ? "default" : "null",
            string s => $"\"{s}\"",
            bool b => b ? "true" : "false",
            var v when type.IsEnum => $"{Name(type)}.{Enum.ToObject(type, v)}",
            IConvertible c => c.ToString(CultureInfo.InvariantCulture),
            var v => v.ToString()!,
        };
    }

    private static readonly Dictionary<Type, string> s_keywords = new() {
        [typeof(void)] = "void", [typeof(object)] = "object", [typeof(string)] = "string", [typeof(bool)] = "bool", [typeof(char)] = "char",
        [typeof(byte)] = "byte", [typeof(sbyte)] = "sbyte", [typeof(short)] = "short", [typeof(ushort)] = "ushort", [typeof(int)] = "int",
        [typeof(uint)] = "uint", [typeof(long)] = "long", [typeof(ulong)] = "ulong", [typeof(float)] = "float", [typeof(double)] = "double",
        [typeof(decimal)] = "decimal", [typeof(nint)] = "IntPtr",
    };

    private static string Name(Type t)
    {
        if (s_keywords.TryGetValue(t, out var keyword)) {
            return keyword;
        }
        if (t.IsByRef || t.IsPointer) {
            return Name(t.GetElementType()!) + (t.IsPointer ? "*" : "");
        }
        if (t.IsArray) {
            return $"{Name(t.GetElementType()!)}[{new string(',', t.GetArrayRank() - 1)}]";
        }
        if (Nullable.GetUnderlyingType(t) is { } inner) {
            return Name(inner) + "?";
        }
        if (t.IsGenericParameter) {
            return t.Name;
        }
        var arguments = t.GetGenericArguments();
        if (t.FullName is null && !t.IsGenericType || arguments.Length == 0) {
            return Short(t.FullName ?? t.Name);
        }
        if (t.IsGenericType && t.Name.StartsWith("ValueTuple`", StringComparison.Ordinal)) {
            return $"({string.Join(", ", arguments.Select(Name))})";
        }
        // A nested type repeats its parent's parameters: hand each level its own.
        var path = Short(t.GetGenericTypeDefinition().FullName!);
        var used = 0;
        var parts = path.Split('.').Select(part => {
            var tick = part.IndexOf('`', StringComparison.Ordinal);
            if (tick < 0) {
                return part;
            }
            var count = int.Parse(part[(tick + 1)..], CultureInfo.InvariantCulture);
            var own = string.Join(", ", arguments.Skip(used).Take(count).Select(Name));
            used += count;
            return $"{part[..tick]}<{own}>";
        });
        return string.Join(".", parts);
    }

    private static string Short(string name)
    {
        name = name.Replace('+', '.');
        foreach (var prefix in (string[])["TorchSharp.torch.", "TorchSharp.", "System.Collections.Generic.", "System.Numerics.",
            "System.IO.", "System."]) {
            if (name.StartsWith(prefix, StringComparison.Ordinal)) {
                return name[prefix.Length..];
            }
        }
        return name;
    }
}
