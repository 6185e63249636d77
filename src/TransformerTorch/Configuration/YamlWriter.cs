using System.Collections;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace TransformerTorch.Configuration;

/// <summary>Records to YAML that <see cref="Yaml"/> reads back to the same records.</summary>
internal sealed class YamlWriter(IEmitter emitter)
{
    public static string Write(object record)
    {
        var text = new StringWriter { NewLine = "\n" };
        var emitter = new Emitter(text, new EmitterSettings().WithBestWidth(int.MaxValue));
        emitter.Emit(new StreamStart());
        emitter.Emit(new DocumentStart(null, null, isImplicit: true));
        new YamlWriter(emitter).Value(record);
        emitter.Emit(new DocumentEnd(isImplicit: true));
        emitter.Emit(new StreamEnd());
        return text.ToString();
    }

    private void Value(object? value)
    {
        switch (value)
        {
            case null:
                Plain("null");
                break;
            case string text:
                Text(text);
                break;
            case JsonObject json:
                Map(json.Select(item => (item.Key, (object?)item.Value)));
                break;
            case JsonArray json:
                List([.. json.Cast<object?>()]);
                break;
            case JsonValue json:
                Value(json.GetValueKind() switch
                {
                    System.Text.Json.JsonValueKind.String => json.GetValue<string>(),
                    System.Text.Json.JsonValueKind.True or System.Text.Json.JsonValueKind.False => json.GetValue<bool>(),
                    _ => long.TryParse(json.ToJsonString(), out var whole) ? whole : (object)double.Parse(json.ToJsonString()),
                });
                break;
            case IDictionary map:
                Map(map.Keys.Cast<string>().Select(key => (key, map[key])));
                break;
            case IEnumerable list:
                List([.. list.Cast<object?>()]);
                break;
            case var other when Shape.IsSection(other.GetType()):
                Section(other);
                break;
            case var other when Shape.IsParsable(other.GetType()):
                Text(Scalars.Write(other));
                break;
            default:
                Plain(Scalars.Write(value));
                break;
        }
    }

    private void Section(object record)
    {
        var type = record.GetType();
        var kind = Shape.Variants(type) is var (key, _) && Shape.CaseName(type) is { } name ? new[] { (key, (object?)name) } : [];
        Map([.. kind, .. Shape.Keys(type).Select(key => (key.Name, key.Property.GetValue(record)))]);
    }

    private void Map(IEnumerable<(string Key, object? Value)> entries)
    {
        emitter.Emit(new MappingStart());
        foreach (var (key, value) in entries)
        {
            Text(key);
            Value(value);
        }
        emitter.Emit(new MappingEnd());
    }

    private void List(IReadOnlyList<object?> items)
    {
        var simple = items.All(item => item is null or string or ValueType or JsonValue);
        var style = simple ? SequenceStyle.Flow : SequenceStyle.Block;
        emitter.Emit(new SequenceStart(AnchorName.Empty, TagName.Empty, isImplicit: true, style));
        foreach (var item in items) Value(item);
        emitter.Emit(new SequenceEnd());
    }

    private void Text(string text) => Emit(text, CoreSchema.IsTyped(text) || text == "<<" ? ScalarStyle.DoubleQuoted : ScalarStyle.Any);

    private void Plain(string text) => Emit(text, ScalarStyle.Plain);

    private void Emit(string text, ScalarStyle style) => emitter.Emit(
        new YamlDotNet.Core.Events.Scalar(AnchorName.Empty, TagName.Empty, text, style, isPlainImplicit: true, isQuotedImplicit: true));
}
