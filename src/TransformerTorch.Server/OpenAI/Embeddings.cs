using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using TransformerTorch.AI;

namespace TransformerTorch.Server.OpenAI;

/// <summary><c>POST /v1/embeddings</c>.</summary>
internal sealed class Embeddings(ModelRegistry models, ServerOptions limits)
{
    public async Task HandleAsync(HttpContext context)
    {
        var body = await RequestBody.ReadAsync(context).ConfigureAwait(false);
        var model = models.Find(body.Text("model"), embeds: true);
        var (texts, format) = (Inputs(body, model), body.Text("encoding_format") ?? "float");
        if (texts.Count == 0 || texts.Count > limits.MaxInputs) throw RequestBody.Wrong("input", $"1 to {limits.MaxInputs} texts");
        if (format is not "float" and not "base64") throw RequestBody.Wrong("encoding_format", "float or base64");
        await Telemetry.MeasureAsync("embeddings", model.Name, async operation =>
        {
            operation.Set("gen_ai.request.encoding_formats", new[] { format });
            var dimensions = body.Whole("dimensions", 1);
            var (vectors, tokens) = await model.EmbedAsync(texts, dimensions, context.RequestAborted).ConfigureAwait(false);
            operation.Set("gen_ai.embeddings.dimension.count", vectors[0].Length);
            operation.Done(tokens, null);
            await context.Response.WriteAsJsonAsync(new JsonObject
            {
                ["object"] = "list", ["model"] = model.Name,
                ["data"] = new JsonArray([.. vectors.Select((v, i) => (JsonNode)new JsonObject
                {
                    ["object"] = "embedding", ["index"] = i, ["embedding"] = format == "base64" ? Base64(v) : Numbers(v),
                })]),
                ["usage"] = new JsonObject { ["prompt_tokens"] = tokens, ["total_tokens"] = tokens },
            }, context.RequestAborted).ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    // Ids become the text that they stand for: the embedder puts its own beginning and end around it, and cuts it where it is too long.
    private static IReadOnlyList<string> Inputs(RequestBody body, ServedModel model)
    {
        if (body.Element("input") is not { ValueKind: JsonValueKind.Array } list || list.GetArrayLength() == 0) return body.Texts("input");
        if (list[0].ValueKind == JsonValueKind.Number) return [Decoded(list)];
        if (list.EnumerateArray().All(l => l.ValueKind == JsonValueKind.Array)) return [.. list.EnumerateArray().Select(Decoded)];
        return list.EnumerateArray().All(l => l.ValueKind == JsonValueKind.String) ? body.Texts("input")
            : throw RequestBody.Wrong("input", "a text, a list of ids, or a list of either");

        string Decoded(JsonElement list)
        {
            var ids = RequestBody.Ids("input", list);
            if (ids.Length == 0) throw RequestBody.Wrong("input", "lists of one id or more");
            foreach (var id in ids)
            {
                if (model.Tokenizer.IdToToken(id) is null)
                    throw RequestBody.Wrong("input", $"ids of the vocabulary of '{model.Name}', which has no {id}: have its own tokenizer "
                        + "make them, or send texts");
            }
            return model.Tokenizer.Decode(ids);
        }
    }

    private static JsonNode Base64(float[] vector) => Convert.ToBase64String(MemoryMarshal.AsBytes(vector.AsSpan()));

    private static JsonArray Numbers(float[] vector) => new([.. vector.Select(x => (JsonNode)x)]);
}
