using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using TransformerTorch.Generation.Batching;
using TransformerTorch.Text;
using TransformerTorch.Text.Templates;

namespace TransformerTorch.Server.OpenAI;

/// <summary>A request that is answered with an error of OpenAI's form.</summary>
internal sealed class ApiException(int status, string message, string? parameter = null, string? code = null) : Exception(message)
{
    public int Status => status;

    /// <summary>What clients see: <c>{"error":{"message","type","param","code"}}</c>.</summary>
    public JsonObject ToJson() => new()
    {
        ["error"] = new JsonObject
        {
            ["message"] = Message, ["param"] = parameter, ["code"] = code,
            ["type"] = status switch
            {
                401 => "authentication_error", 403 => "permission_error", 429 => "rate_limit_error", >= 500 => "server_error",
                _ => "invalid_request_error",
            },
        },
    };

    /// <summary>What an exception means for who asked; what is our own fault is not told in detail.</summary>
    public static ApiException Of(Exception e) => e switch
    {
        ApiException known => known,
        BadHttpRequestException { StatusCode: 413 } => new ApiException(413, "the request is too large", code: "request_too_large"),
        BadHttpRequestException bad => new ApiException(bad.StatusCode, bad.Message),
        EngineBusyException => new ApiException(429, e.Message, code: "queue_full"),
        ArgumentException or NotSupportedException or ChatTemplateException or TokenizerException => new ApiException(400, e.Message),
        ObjectDisposedException => new ApiException(503, "the server is stopping", code: "stopping"),
        OperationCanceledException => new ApiException(503, "the request took too long or the server is stopping", code: "timeout"),
        _ => new ApiException(500, "the request failed for a reason of the server's own; its log tells which", code: "internal_error"),
    };
}
