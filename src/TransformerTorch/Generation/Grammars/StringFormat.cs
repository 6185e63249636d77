using System.Text.Json;

namespace TransformerTorch.Generation.Grammars;

/// <summary>
/// Those of a schema's <c>format</c>s that are followed: what .NET writes for its own types, as far as System.Text.Json reads all of it.
/// Years do not begin with 0; times of day have no offset.
/// </summary>
internal static class StringFormat
{
    private const string Days = @"((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))";
    private const string Leap = @"([1-9]\d(0[48]|[2468][048]|[13579][26])|([2468][048]|[13579][26])00)-02-29";
    private const string Date = $@"([1-9]\d{{3}}-{Days}|{Leap})";
    private const string Time = @"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,7})?";

    // An offset must not lead out of the years that there are.
    private const string Moment = $@"{Date}T{Time}Z|([1-8]\d{{3}}-{Days}|{Leap})T{Time}[+-](0\d|1[0-3]):[0-5]\d";

    private const string Label = @"[A-Za-z][A-Za-z0-9]{0,29}(-[A-Za-z0-9]{1,30})?", Byte = @"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)";
    private const string Mark = @"([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})";
    private const string Host = $@"({Label}(\.{Label}){{0,4}}|{Byte}(\.{Byte}){{3}})";
    private const string Place = $@"(https?|wss?|ftp)://{Host}(:[1-9]\d{{0,3}})?(/{Mark}*)?(\?{Mark}*)?(#{Mark}*)?";

    private static readonly Dictionary<string, string> s_patterns = new()
    {
        ["date"] = Date, ["time"] = Time, ["date-time"] = Moment,
        ["uri"] = $@"{Place}|urn:[a-z]{{2,30}}:{Mark}+", ["uuid"] = @"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    };

    /// <summary>Whether a schema's member is such a format.</summary>
    public static bool IsOne(JsonProperty member) => member.Name == "format" && Pattern(member.Value) is not null;

    /// <summary>What stands between the quotes; null: the schema names no format that is followed.</summary>
    public static Rule? Of(JsonElement schema, string path)
        => schema.TryGetProperty("format", out var format) && Pattern(format) is { } pattern
            ? StringPattern.Compile($"^({pattern})$", path) : null;

    private static string? Pattern(JsonElement format)
        => format.ValueKind == JsonValueKind.String ? s_patterns.GetValueOrDefault(format.GetString()!) : null;
}
