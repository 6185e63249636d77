namespace TransformerTorch.Configuration;

/// <summary>All keys that a configuration can have, as dotted paths: what <c>--set</c> takes, and where a misplaced key belongs.</summary>
internal static class KeyPaths
{
    public static IEnumerable<string> All(Type type) => Below(type, "", []).Select(key => key.Path).Distinct();

    /// <summary>The path of the key that has this name elsewhere: in other trainers (<see cref="KnownAsAttribute"/>), or in another
    /// section.</summary>
    public static string? Of(Type root, string name)
    {
        var keys = Below(root, "", []).ToList();
        return keys.FirstOrDefault(key => key.Key?.OtherNames.Contains(name) == true).Path
            ?? keys.FirstOrDefault(key => key.Path.Split('.')[^1] == name).Path;
    }

    private static IEnumerable<(string Path, Key? Key)> Below(Type type, string path, HashSet<Type> above)
    {
        if (!Shape.IsSection(type) || !above.Add(type)) yield break;
        if (Shape.Variants(type) is var (discriminator, _)) yield return (path + discriminator, null);
        foreach (var actual in Alternatives(type))
            foreach (var key in Shape.Keys(actual))
            {
                yield return (path + key.Name, key);
                foreach (var below in Below(key.Type, path + key.Name + ".", above)) yield return below;
            }
        above.Remove(type);
    }

    /// <summary>The records that may stand where <paramref name="type"/> is expected.</summary>
    public static IEnumerable<Type> Alternatives(Type type) =>
        Shape.Variants(type) is var (_, cases) ? cases.Values.Where(actual => actual.IsAssignableTo(type)) : [type];
}
