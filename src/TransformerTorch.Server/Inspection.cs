using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using TransformerTorch.AI;
using TransformerTorch.Models;
using TransformerTorch.Server.OpenAI;
using static TorchSharp.torch;

namespace TransformerTorch.Server;

/// <summary><c>POST /api/inspect</c>: how a model reads a text: each token's probability, and a layer's attention.</summary>
internal sealed class Inspection(ModelRegistry models) : IDisposable
{
    private const int MostTokens = 96, Likeliest = 5;
    private readonly SemaphoreSlim _one = new(1);

    public async Task HandleAsync(HttpContext context)
    {
        var body = await RequestBody.ReadAsync(context).ConfigureAwait(false);
        var name = body.Text("model");
        var model = name is null ? models.Ready.FirstOrDefault() ?? models.Find(name) : models.Find(name);
        var text = body.Text("text") is { Length: > 0 } given ? given : throw RequestBody.Wrong("text", "a text");
        int[] ids = model.Tokenizer.EncodeToIds(text);
        if (ids.Length is 0 or > MostTokens) throw RequestBody.Wrong("text", $"1 to {MostTokens} tokens, not {ids.Length}");
        var weights = (PretrainedModel?)model.Decoder ?? model.Embedder?.Model
            ?? throw RequestBody.Wrong("model", "a decoder or an encoder, not both in one");
        var layers = weights.Config.Main.Blocks.Count;
        var layer = body.Whole("layer", 0, layers - 1) ?? 0;
        await _one.WaitAsync(context.RequestAborted).ConfigureAwait(false);
        try
        {
            var result = await Task.Run(() => Read(model, weights, ids, layer), context.RequestAborted).ConfigureAwait(false);
            (result["layer"], result["layers"], result["model"]) = (layer, layers, model.Name);
            await context.Response.WriteAsJsonAsync(result, context.RequestAborted).ConfigureAwait(false);
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private static JsonObject Read(ServedModel model, PretrainedModel weights, int[] ids, int layer)
    {
        using var scope = NewDisposeScope();
        using var grad = no_grad();
        var (seen, attention) = (0, new JsonArray());
        var inputs = new ModelInputs
        {
            Ids = tensor(Array.ConvertAll(ids, id => (long)id), device: weights.Backbone.TokenWeight.device).unsqueeze(0),
            TraceAttention = true,
            Trace = (name, value) =>
            {
                if (name == "attentions" && seen++ == layer) attention = Heads(value);
            },
        };
        var hidden = weights.Backbone.Hidden(inputs);
        return new JsonObject
        {
            ["tokens"] = new JsonArray([.. ids.Select(id => (JsonNode)Choices.Token(model, id))]), ["attention"] = attention,
            ["probabilities"] = model.Decoder is { } decoder ? Probabilities(model, decoder.Logits(hidden), ids) : null,
        };
    }

    /// <summary>(1, H, T, T) as lists, in thousandths: small, and no eye sees finer.</summary>
    private static JsonArray Heads(Tensor weights)
    {
        var (H, T) = ((int)weights.shape[1], (int)weights.shape[2]);
        var all = (weights.to(ScalarType.Float32) * 1000).round().to(ScalarType.Int32).cpu().contiguous().data<int>().ToArray();
        return new JsonArray([.. all.Chunk(T * T).Take(H).Select(head => (JsonNode)new JsonArray(
            [.. head.Chunk(T).Select(row => (JsonNode)new JsonArray([.. row.Select(w => (JsonNode)w)]))]))]);
    }

    /// <summary>Of each token but the first: how likely it was, and what was likeliest there.</summary>
    private static JsonArray Probabilities(ServedModel model, Tensor logits, int[] ids)
    {
        var chances = logits.squeeze(0).to(ScalarType.Float32).softmax(-1).cpu(); // (T, V)
        var (values, which) = chances.topk((int)Math.Min(Likeliest, chances.shape[1]));
        var (most, tokens) = (values.data<float>().ToArray(), which.to(ScalarType.Int32).data<int>().ToArray());
        var width = (int)values.shape[1];
        return new JsonArray([null, .. Enumerable.Range(1, ids.Length - 1).Select(t => (JsonNode)new JsonObject
        {
            ["probability"] = chances[t - 1, ids[t]].item<float>(),
            ["likeliest"] = new JsonArray([.. Enumerable.Range((t - 1) * width, width).Select(i => (JsonNode)new JsonObject
            {
                ["token"] = Choices.Token(model, tokens[i]), ["probability"] = most[i],
            })]),
        })]);
    }
}
