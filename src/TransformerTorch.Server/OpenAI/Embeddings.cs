using System.Runtime.InteropServices;
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
        var (texts, format) = (body.Texts("input"), body.Text("encoding_format") ?? "float");
        if (texts.Count == 0 || texts.Count > limits.MaxInputs) throw RequestBody.Wrong("input", $"1 to {limits.MaxInputs} texts");
        if (format is not "float" and not "base64") throw RequestBody.Wrong("encoding_format", "float or base64");
        await Telemetry.MeasureAsync("embeddings", model.Name, async operation =>
        {
            var dimensions = body.Whole("dimensions", 1);
            var (vectors, tokens) = await model.EmbedAsync(texts, dimensions, context.RequestAborted).ConfigureAwait(false);
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

    private static JsonNode Base64(float[] vector) => Convert.ToBase64String(MemoryMarshal.AsBytes(vector.AsSpan()));

    private static JsonArray Numbers(float[] vector) => new([.. vector.Select(x => (JsonNode)x)]);
}
