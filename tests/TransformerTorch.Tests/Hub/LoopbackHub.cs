using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace TransformerTorch.Tests.Hub;

/// <summary>
/// A hub on this machine: one model, its large files behind a redirect to another host, as the real one has them. What it does wrong is
/// set by the test.
/// </summary>
internal sealed class LoopbackHub : IDisposable
{
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";
    private readonly HttpListener _listener = new();
    private readonly int _port = FreePort();

    public LoopbackHub()
    {
        _listener.Prefixes.Add($"http://127.0.0.1:{_port}/");
        _listener.Prefixes.Add($"http://localhost:{_port}/"); // where the large files are: another host
        _listener.Start();
        _ = Serve();
    }

    public Uri Endpoint => new($"http://127.0.0.1:{_port}");

    public Dictionary<string, byte[]> Files { get; } = [];

    /// <summary>The name under which files are listed, where it is not their own.</summary>
    public Dictionary<string, string> Listed { get; } = [];

    public string? Token { get; set; }

    /// <summary>Answers instead of the right ones, in turn: a status, or the count of bytes after which the connection ends.</summary>
    public ConcurrentQueue<(string Path, int Status, int? CutAt)> Troubles { get; } = [];

    public bool Ranges { get; set; } = true;

    /// <summary>Sent instead of the file's content, under the file's hash.</summary>
    public byte[]? Forged { get; set; }

    /// <summary>Every request: "GET path", "GET path from 10", with " token" where one came.</summary>
    public ConcurrentQueue<string> Requests { get; } = [];

    public void Dispose() => _listener.Close();

    private async Task Serve()
    {
        while (_listener.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
            _ = Task.Run(() => Answer(context));
        }
    }

    private void Answer(HttpListenerContext context)
    {
        var (request, response) = (context.Request, context.Response);
        var path = request.Url!.AbsolutePath;
        var from = request.Headers["Range"] is { } range ? int.Parse(range["bytes=".Length..^1]) : 0;
        var token = request.Headers["Authorization"];
        Requests.Enqueue($"{request.HttpMethod} {path}{(from > 0 ? $" from {from}" : "")}{(token is null ? "" : " token")}");
        try
        {
            int? cut = null;
            if (Troubles.TryPeek(out var trouble) && path.EndsWith(trouble.Path, StringComparison.Ordinal) && request.HttpMethod == "GET"
                && Troubles.TryDequeue(out trouble))
            {
                if (trouble.CutAt is null)
                {
                    response.StatusCode = trouble.Status;
                    response.Headers["Retry-After"] = "0";
                    response.Close();
                    return;
                }
                cut = trouble.CutAt;
            }
            if (path.StartsWith("/cdn/", StringComparison.Ordinal)) Send(response, path["/cdn/".Length..], from, cut);
            else if (Token is not null && token != $"Bearer {Token}") response.StatusCode = 401;
            else if (path == $"/api/models/org/name/revision/main") List(response);
            else if (path.StartsWith($"/org/name/resolve/{Commit}/", StringComparison.Ordinal))
                Resolve(request, response, path[$"/org/name/resolve/{Commit}/".Length..], from, cut);
            else response.StatusCode = 404;
            response.Close();
        }
        catch (Exception e) when (e is HttpListenerException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            response.Abort(); // cut short
        }
    }

    private void List(HttpListenerResponse response)
    {
        var siblings = Files.Keys.Select(f => (JsonNode)new JsonObject { ["rfilename"] = Listed.GetValueOrDefault(f, f) });
        var json = new JsonObject { ["sha"] = Commit, ["siblings"] = new JsonArray([.. siblings]) }.ToJsonString();
        response.OutputStream.Write(Encoding.UTF8.GetBytes(json));
    }

    // A large file's hash is its SHA-256 and its bytes are elsewhere; a small one's is git's, and its bytes come at once.
    private void Resolve(HttpListenerRequest request, HttpListenerResponse response, string name, int from, int? cut)
    {
        if (!Files.TryGetValue(name, out var content))
        {
            response.StatusCode = 404;
            return;
        }
        var isLarge = name.EndsWith(".safetensors", StringComparison.Ordinal) || name.EndsWith(".bin", StringComparison.Ordinal);
        if (isLarge)
        {
            response.Headers["X-Linked-ETag"] = $"\"{Convert.ToHexStringLower(SHA256.HashData(content))}\"";
            response.Headers["X-Linked-Size"] = content.Length.ToString();
            response.Redirect($"http://localhost:{_port}/cdn/{name}");
            return;
        }
        using var named = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        named.AppendData([.. Encoding.ASCII.GetBytes($"blob {content.Length}\0"), .. content]);
        response.Headers["ETag"] = $"W/\"{Convert.ToHexStringLower(named.GetHashAndReset())}\"";
        if (request.HttpMethod == "HEAD") response.ContentLength64 = content.Length;
        else Send(response, name, from, cut);
    }

    private void Send(HttpListenerResponse response, string name, int from, int? cut)
    {
        var content = Forged ?? Files[name];
        if (!Ranges) from = 0;
        if (from >= content.Length)
        {
            response.StatusCode = 416;
            return;
        }
        if (from > 0)
        {
            response.StatusCode = 206;
            response.Headers["Content-Range"] = $"bytes {from}-{content.Length - 1}/{content.Length}";
        }
        var rest = content[from..];
        response.ContentLength64 = rest.Length;
        response.OutputStream.Write(rest, 0, cut ?? rest.Length);
        response.OutputStream.Flush();
        if (cut is not null) response.Abort();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
