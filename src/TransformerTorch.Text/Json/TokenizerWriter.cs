using System.Text.Encodings.Web;
using System.Text.Json;

namespace TransformerTorch.Text.Json;

/// <summary>tokenizer -> tokenizer.json.</summary>
internal static class TokenizerWriter
{
    private static readonly JsonWriterOptions _options = new()
    {
        Indented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    public static void Write(Tokenizer tokenizer, Stream stream)
    {
        using var writer = new Utf8JsonWriter(stream, _options);
        writer.WriteStartObject();
        writer.WriteString("version", "1.0");
        WriteTruncation(writer, tokenizer.Truncation);
        WritePadding(writer, tokenizer.Padding);
        tokenizer.AddedWhenSaved().Write(writer);
        Write(writer, "normalizer", tokenizer.Normalizer is { } normalizer ? normalizer.Write : null);
        Write(writer, "pre_tokenizer", tokenizer.PreTokenizer is { } preTokenizer ? preTokenizer.Write : null);
        Write(writer, "post_processor", tokenizer.PostProcessor is { } postProcessor ? postProcessor.Write : null);
        Write(writer, "decoder", tokenizer.Decoder is { } decoder ? decoder.Write : null);
        Write(writer, "model", tokenizer.Model.Write);
        writer.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter writer, string name, Action<Utf8JsonWriter>? write)
    {
        writer.WritePropertyName(name);
        if (write is null)
            writer.WriteNullValue();
        else
            write(writer);
    }

    private static void WriteTruncation(Utf8JsonWriter writer, Truncation? truncation)
    {
        if (truncation is null)
        {
            writer.WriteNull("truncation");
            return;
        }
        writer.WriteStartObject("truncation");
        writer.WriteString("direction", truncation.Side.ToString());
        writer.WriteNumber("max_length", truncation.MaxLength);
        writer.WriteString("strategy", truncation.Strategy.ToString());
        writer.WriteNumber("stride", truncation.Stride);
        writer.WriteEndObject();
    }

    private static void WritePadding(Utf8JsonWriter writer, Padding? padding)
    {
        if (padding is null)
        {
            writer.WriteNull("padding");
            return;
        }
        writer.WriteStartObject("padding");
        writer.WritePropertyName("strategy");
        if (padding.Length is { } length)
        {
            writer.WriteStartObject();
            writer.WriteNumber("Fixed", length);
            writer.WriteEndObject();
        }
        else
        {
            writer.WriteStringValue("BatchLongest");
        }
        writer.WriteString("direction", padding.Side.ToString());
        if (padding.MultipleOf is { } multiple)
            writer.WriteNumber("pad_to_multiple_of", multiple);
        else
            writer.WriteNull("pad_to_multiple_of");
        writer.WriteNumber("pad_id", padding.Id);
        writer.WriteNumber("pad_type_id", padding.TypeId);
        writer.WriteString("pad_token", padding.Token);
        writer.WriteEndObject();
    }
}
