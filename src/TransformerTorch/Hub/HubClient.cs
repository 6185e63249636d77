using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace TransformerTorch.Hub;

/// <summary>What a revision is: a commit and its files.</summary>
internal sealed record HubListing(string Commit, IReadOnlyList<string> Files);

/// <summary>What the hub says of a file.</summary>
/// <param name="Hash">the SHA-256 of a large file, git's SHA-1 of a small one, or another mark</param>
/// <param name="Bytes">its size, where it is told</param>
internal sealed record HubFile(string Hash, long? Bytes);

/// <summary>
/// The hub's HTTP: each question once, its failures told apart. The token goes to the hub and to nobody that it redirects to.
/// </summary>
internal sealed partial class HubClient : IDisposable
{
    private const int MostRedirects = 10;
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = Timeout.InfiniteTimeSpan };
    private readonly HubOptions _options;

    public HubClient(HubOptions options)
    {
        _options = options;
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("transformertorch", "0.1"));
    }

    /// <summary>The revision's commit and files.</summary>
    public async Task<HubListing> List(HubName name, CancellationToken cancellation)
    {
        var path = $"api/models/{name.Repository}/revision/{Uri.EscapeDataString(name.Revision)}";
        using var response = await Send(new(HttpMethod.Get, path, name), cancellation).ConfigureAwait(false);
        var text = await Reading(response.Content.ReadAsStringAsync, cancellation).ConfigureAwait(false);
        try
        {
            var json = JsonNode.Parse(text)!;
            var commit = json["sha"]!.GetValue<string>();
            List<string> files = [.. json["siblings"]!.AsArray().Select(s => s!["rfilename"]!.GetValue<string>())];
            if (!HubName.IsCommit(commit)) throw new HubException($"{name.Repository}: the hub names a commit '{commit}'");
            return files.Find(f => !HubName.IsPath(f)) is { } trick
                ? throw new HubException($"{name.Repository}: the hub names a file '{trick}'")
                : new HubListing(commit, files);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NullReferenceException)
        {
            throw new HubException($"{_options.Endpoint}{path}: no answer of a hub: {e.Message}", e);
        }
    }

    /// <summary>A file's hash and size.</summary>
    public async Task<HubFile> Describe(HubName name, string commit, string file, CancellationToken cancellation)
    {
        using var response = await Send(new(HttpMethod.Head, Resolve(name, commit, file), name), cancellation).ConfigureAwait(false);
        var mark = Header(response, "X-Linked-ETag") ?? Header(response, "ETag");
        var hash = mark?.Replace("W/", "", StringComparison.Ordinal).Trim('"');
        if (hash is null || !Hash().IsMatch(hash))
            throw new HubException($"{name.Repository}/{file}: the hub tells no hash (ETag: {mark})");
        var size = Header(response, "X-Linked-Size");
        var bytes = long.TryParse(size, out var linked) ? linked : IsRedirect(response) ? null : response.Content.Headers.ContentLength;
        return new HubFile(hash, bytes);
    }

    /// <summary>A file's bytes, from one on if the hub can: its answer says.</summary>
    public Task<HttpResponseMessage> Open(HubName name, string commit, string file, long from, CancellationToken cancellation)
        => Send(new(HttpMethod.Get, Resolve(name, commit, file), name) { From = from }, cancellation);

    public void Dispose() => _http.Dispose();

    /// <summary>Runs one network operation; silence for too long is a failure that may pass.</summary>
    public async Task<T> Reading<T>(Func<CancellationToken, Task<T>> operation, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(_options.Patience);
        try
        {
            return await operation(patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new HubBusyException($"{_options.Endpoint.Host} has been silent for {_options.Patience.TotalSeconds:0} s");
        }
        catch (Exception e) when (e is HttpRequestException or HttpIOException)
        {
            throw new HubBusyException($"{_options.Endpoint.Host}: {e.Message}");
        }
    }

    private sealed record Question(HttpMethod Method, string Path, HubName Name)
    {
        public long From { get; init; }
    }

    private async Task<HttpResponseMessage> Send(Question question, CancellationToken cancellation)
    {
        var address = new Uri(_options.Endpoint.AbsoluteUri.TrimEnd('/') + "/" + question.Path);
        for (var hop = 0; hop < MostRedirects; hop++)
        {
            using var request = new HttpRequestMessage(question.Method, address);
            request.Headers.AcceptEncoding.ParseAdd("identity"); // or sizes are those of something else
            if (question.From > 0) request.Headers.Range = new RangeHeaderValue(question.From, null);
            var isHub = (address.Scheme, address.Authority) == (_options.Endpoint.Scheme, _options.Endpoint.Authority);
            if (isHub && _options.Token is { } token)
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            var response = await Reading(Answer, cancellation).ConfigureAwait(false);
            var next = IsRedirect(response) && response.Headers.Location is { } location ? new Uri(address, location) : null;
            // A large file's hash stands in the answer that sends one on to where its bytes are.
            var isAnswer = next is null || (question.Method == HttpMethod.Head && next.Authority != address.Authority);
            if (isAnswer && (response.IsSuccessStatusCode || next is not null)) return response;
            using (response)
            {
                if (isAnswer) throw Refused(question, response);
            }
            address = next!;

            Task<HttpResponseMessage> Answer(CancellationToken patience)
                => _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience);
        }
        throw new HubException($"{question.Path}: over {MostRedirects} redirects");
    }

    private Exception Refused(Question question, HttpResponseMessage response)
    {
        var (repository, page) = (question.Name.Repository, $"{_options.Endpoint.AbsoluteUri.TrimEnd('/')}/{question.Name.Repository}");
        var said = Header(response, "X-Error-Message") is { } message ? $" ({message})" : "";
        var status = (int)response.StatusCode;
        return status switch
        {
            401 when _options.Token is null
                => new HubException($"{repository}: there is no such model, or it needs a token: set HF_TOKEN{said}"),
            401 => new HubException($"{repository}: the hub does not accept the token{said}"),
            403 => new HubException($"{repository}: access has to be asked for at {page}{said}"),
            404 when question.Path.StartsWith("api/", StringComparison.Ordinal)
                => new HubException($"{repository}: there is no such model, or no revision {question.Name.Revision}{said}"),
            404 => new HubException($"{question.Path}: there is no such file{said}"),
            416 => new HubBusyException($"{question.Path}: the hub has no bytes from {question.From} on"),
            408 or 429 or >= 500 => new HubBusyException($"{question.Path}: the hub answers {status}{said}", After(response)),
            _ => new HubException($"{question.Path}: the hub answers {status}{said}"),
        };
    }

    private static TimeSpan? After(HttpResponseMessage response) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - DateTimeOffset.UtcNow,
        _ => null,
    };

    private static string Resolve(HubName name, string commit, string file)
        => $"{name.Repository}/resolve/{commit}/{string.Join('/', file.Split('/').Select(Uri.EscapeDataString))}";

    private static bool IsRedirect(HttpResponseMessage response) => response.StatusCode is HttpStatusCode.MovedPermanently
        or HttpStatusCode.Found or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;

    private static string? Header(HttpResponseMessage response, string name)
        => response.Headers.TryGetValues(name, out var values) ? values.FirstOrDefault() : null;

    [GeneratedRegex("^[0-9A-Za-z_-]{1,128}$")]
    private static partial Regex Hash();
}
