using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using TransformerTorch.AI;
using TransformerTorch.Generation;

namespace TransformerTorch.Server.OpenAI;

/// <summary>What chats and completions share: several answers at once, probabilities and usage in OpenAI's words.</summary>
internal static class Choices
{
    /// <summary>Pieces of all answers as they come, each with its answer's number. Leaving cancels all.</summary>
    public static async IAsyncEnumerable<(int Index, ChatPiece Piece)> Merge(
        IReadOnlyList<IAsyncEnumerable<ChatPiece>> answers, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (answers.Count == 1)
        {
            await foreach (var piece in answers[0].WithCancellation(cancellation).ConfigureAwait(false)) yield return (0, piece);
            yield break;
        }
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var channel = Channel.CreateUnbounded<(int, ChatPiece)>();
        var pumps = Task.WhenAll(answers.Select(Pump));
        _ = pumps.ContinueWith(done => channel.Writer.TryComplete(done.Exception?.InnerException), TaskScheduler.Default);
        try
        {
            await foreach (var next in channel.Reader.ReadAllAsync(cancellation).ConfigureAwait(false)) yield return next;
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await pumps.ContinueWith(_ => { }, TaskScheduler.Default).ConfigureAwait(false);
        }

        async Task Pump(IAsyncEnumerable<ChatPiece> pieces, int index)
        {
            try
            {
                await foreach (var piece in pieces.WithCancellation(stop.Token).ConfigureAwait(false))
                    channel.Writer.TryWrite((index, piece));
            }
            catch (Exception e)
            {
                channel.Writer.TryComplete(e); // now, not when all are done, to whom one that is cancelled is no failure
                throw;
            }
        }
    }

    /// <summary>So many requests with seeds that differ.</summary>
    public static IEnumerable<GenerationOptions> Seeded(GenerationOptions options, int count)
        => Enumerable.Range(0, count).Select(i => options.Seed is { } seed ? options with { Seed = seed + i } : options);

    /// <summary>
    /// Tells an operation that its answers have come, by their last pieces, so many of which follow each other that answer one prompt: it
    /// is read once.
    /// </summary>
    public static TokenUsage Done(Telemetry.Operation operation, IReadOnlyList<ChatPiece> last, int copies)
    {
        var prompts = last.Chunk(copies).ToList();
        var used = new TokenUsage(prompts.Sum(p => p[0].InputTokens), prompts.Sum(p => p.Min(a => a.CachedInputTokens)),
            last.Sum(p => p.OutputTokens), last.Sum(p => p.ThoughtTokens));
        operation.Done(used.Input, used.Output, [.. last.Select(p => Finish(p.Finish!.Value))], used.Cached, used.Thought);
        return used;
    }

    /// <summary>Whether a stream is to end with its usage.</summary>
    public static bool WantsUsage(RequestBody body)
        => body.Element("stream_options") is { ValueKind: JsonValueKind.Object } options
            && options.TryGetProperty("include_usage", out var wanted) && wanted.ValueKind == JsonValueKind.True;

    public static string Finish(ChatFinish finish) => finish switch
    {
        ChatFinish.Length => "length",
        ChatFinish.ToolCalls => "tool_calls",
        _ => "stop",
    };

    /// <summary>A token's text, for people: bytes that are no whole character show as such.</summary>
    public static string Token(ServedModel model, int id) => Encoding.UTF8.GetString(model.Tokenizer.TokenBytes(id)) is { Length: > 0 } text
        ? text : model.Tokenizer.IdToToken(id) ?? "";

    /// <summary>An entry of a chat's <c>logprobs.content</c>.</summary>
    public static JsonObject LogProbability(ServedModel model, TextPiece piece)
    {
        var entry = Entry(model, piece.Id!.Value, piece.LogProbability ?? 0);
        entry["top_logprobs"] = new JsonArray([.. (piece.Likeliest ?? []).Select(t => (JsonNode)Entry(model, t.Id, t.LogProbability))]);
        return entry;
    }

    private static JsonObject Entry(ServedModel model, int id, float log) => new()
    {
        ["token"] = Token(model, id), ["logprob"] = Finite(log),
        ["bytes"] = new JsonArray([.. model.Tokenizer.TokenBytes(id).Select(b => (JsonNode)b)]),
    };

    /// <summary>JSON has no infinity; OpenAI says -9999 too.</summary>
    public static float Finite(float log) => float.IsFinite(log) ? log : -9999;

    /// <summary>What a request read, had no need to read, and wrote.</summary>
    public readonly record struct TokenUsage(int Input, int Cached, int Output, int Thought)
    {
        public JsonObject Json() => new()
        {
            ["prompt_tokens"] = Input, ["completion_tokens"] = Output, ["total_tokens"] = Input + Output,
            ["prompt_tokens_details"] = new JsonObject { ["cached_tokens"] = Cached },
            ["completion_tokens_details"] = new JsonObject { ["reasoning_tokens"] = Thought },
        };
    }
}
