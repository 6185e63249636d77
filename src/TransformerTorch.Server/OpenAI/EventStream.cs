using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace TransformerTorch.Server.OpenAI;

/// <summary>Server-sent events: the status is decided by the first, so that what fails before it is an ordinary error.</summary>
internal sealed class EventStream(HttpContext context)
{
    public Task SendAsync(JsonNode json, CancellationToken cancellation) => WriteAsync(body =>
    {
        using var writer = new Utf8JsonWriter(body);
        json.WriteTo(writer);
    }, cancellation);

    public Task EndAsync(CancellationToken cancellation) => WriteAsync(body => body.Write("[DONE]"u8), cancellation);

    private async Task WriteAsync(Action<IBufferWriter<byte>> write, CancellationToken cancellation)
    {
        if (!context.Response.HasStarted)
        {
            context.Response.ContentType = "text/event-stream; charset=utf-8";
            context.Response.Headers.CacheControl = "no-cache";
            context.Response.Headers["X-Accel-Buffering"] = "no";
            context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        }
        var body = context.Response.BodyWriter;
        body.Write("data: "u8);
        write(body);
        body.Write("\n\n"u8);
        await body.FlushAsync(cancellation).ConfigureAwait(false);
    }
}
