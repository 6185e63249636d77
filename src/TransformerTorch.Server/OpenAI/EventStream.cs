using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace TransformerTorch.Server.OpenAI;

/// <summary>Server-sent events: the status is decided by the first, so that what fails before it is an ordinary error.</summary>
internal sealed class EventStream(HttpContext context)
{
    public bool Begun => context.Response.HasStarted;

    public Task SendAsync(JsonNode json, CancellationToken cancellation) => WriteAsync(json.ToJsonString(), cancellation);

    public Task EndAsync(CancellationToken cancellation) => WriteAsync("[DONE]", cancellation);

    private async Task WriteAsync(string data, CancellationToken cancellation)
    {
        if (!context.Response.HasStarted)
        {
            context.Response.ContentType = "text/event-stream; charset=utf-8";
            context.Response.Headers.CacheControl = "no-cache";
            context.Response.Headers["X-Accel-Buffering"] = "no";
            context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        }
        await context.Response.WriteAsync($"data: {data}\n\n", cancellation).ConfigureAwait(false);
        await context.Response.Body.FlushAsync(cancellation).ConfigureAwait(false);
    }
}
