using System.Text.Json;
using TransformerTorch.Text.Pipeline;

namespace TransformerTorch.Text.Normalizers;

/// <summary>NFC, NFD, NFKC, NFKD.</summary>
internal sealed class FormNormalizer(bool compatible, bool compose) : CharacterStep, INormalizer
{
    [ThreadStatic]
    private static Composition? _composition;

    protected override bool Leaves(ReadOnlySpan<byte> text) => System.Text.Ascii.IsValid(text);

    protected override int Rewrite(ReadOnlySpan<byte> text, List<Change> changes)
    {
        _composition ??= new Composition();
        changes.AddRange(_composition.Normalize(text, compatible, compose));
        return 0;
    }

    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", $"NF{(compatible ? "K" : "")}{(compose ? "C" : "D")}");
        writer.WriteEndObject();
    }
}
