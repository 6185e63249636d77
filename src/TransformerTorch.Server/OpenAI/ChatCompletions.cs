using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using TransformerTorch.AI;

namespace TransformerTorch.Server.OpenAI;

/// <summary><c>POST /v1/chat/completions</c>.</summary>
internal sealed class ChatCompletions(ModelRegistry models, ServerOptions limits)
{
    public async Task HandleAsync(HttpContext context)
    {
        var cancellation = context.RequestAborted;
        var body = await RequestBody.ReadAsync(context).ConfigureAwait(false);
        var model = models.Find(body.Text("model"));
        var writer = models.Writer(model);
        var (query, count) = (Query(body, model), body.Whole("n", 1, limits.MaxChoices) ?? 1);
        var streams = body.Flag("stream");
        await Telemetry.MeasureAsync("chat", model.Name, async operation =>
        {
            operation.Request(query.Options, count, streams, json: query.JsonObject || query.Schema is not null);
            IAsyncEnumerable<ChatPiece>[] answers = [.. Choices.Seeded(query.Options, count)
                .Select(options => writer.Chat(query with { Options = options }, cancellation))];
            var head = new Head($"chatcmpl-{Guid.NewGuid():N}", DateTimeOffset.UtcNow.ToUnixTimeSeconds(), model.Name);
            operation.Set("gen_ai.response.id", head.Id);
            var run = new Run(model, head, answers, query, operation);
            if (streams) await run.StreamAsync(context, Choices.WantsUsage(body)).ConfigureAwait(false);
            else await context.Response.WriteAsJsonAsync(await run.WholeAsync(cancellation).ConfigureAwait(false), cancellation)
                .ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    private sealed record Head(string Id, long Created, string Model)
    {
        public JsonObject Json(string kind, JsonArray choices) => new()
        {
            ["id"] = Id, ["object"] = kind, ["created"] = Created, ["model"] = Model, ["choices"] = choices,
        };
    }

    /// <summary>The answers of one request.</summary>
    private sealed record Run(ServedModel Model, Head Head, IReadOnlyList<IAsyncEnumerable<ChatPiece>> Answers, ChatQuery Query,
        Telemetry.Operation Operation)
    {
        public async Task<JsonObject> WholeAsync(CancellationToken cancellation)
        {
            var thoughts = Answers.Select(_ => new StringBuilder()).ToArray();
            var (texts, logs) = (Answers.Select(_ => new StringBuilder()).ToArray(), Answers.Select(_ => new JsonArray()).ToArray());
            var last = new ChatPiece[Answers.Count];
            await foreach (var (index, piece) in Choices.Merge(Answers, cancellation).ConfigureAwait(false))
            {
                if (piece.Token is { } token)
                {
                    Operation.Token(index);
                    if (Query.LogProbabilities is not null) logs[index].Add(Choices.LogProbability(Model, token));
                }
                texts[index].Append(piece.Text);
                thoughts[index].Append(piece.Thought);
                last[index] = piece;
            }
            var choices = last.Select((piece, index) =>
            {
                var message = new JsonObject { ["role"] = "assistant", ["content"] = texts[index].ToString(), ["refusal"] = null };
                if (thoughts[index].Length > 0) message["reasoning_content"] = thoughts[index].ToString();
                if (piece.ToolCalls.Count > 0)
                {
                    message["tool_calls"] = Calls(piece.ToolCalls, numbered: false);
                    if (texts[index].Length == 0) message["content"] = null;
                }
                return (JsonNode)new JsonObject
                {
                    ["index"] = index, ["message"] = message, ["finish_reason"] = Choices.Finish(piece.Finish!.Value),
                    ["logprobs"] = Query.LogProbabilities is null ? null : new JsonObject { ["content"] = logs[index] },
                };
            });
            var result = Head.Json("chat.completion", [.. choices]);
            result["usage"] = Choices.Done(Operation, last, copies: last.Length).Json();
            return result;
        }

        public async Task StreamAsync(HttpContext context, bool usage)
        {
            var (events, cancellation) = (new EventStream(context), context.RequestAborted);
            var (begun, last) = (new bool[Answers.Count], new ChatPiece[Answers.Count]);
            await foreach (var (index, piece) in Choices.Merge(Answers, cancellation).ConfigureAwait(false))
            {
                if (piece.Token is not null) Operation.Token(index);
                last[index] = piece;
                if (!begun[index])
                {
                    begun[index] = true;
                    await Send(index, new JsonObject { ["role"] = "assistant", ["content"] = "" }, null, null).ConfigureAwait(false);
                }
                var logs = Query.LogProbabilities is null || piece.Token is not { } token ? null
                    : new JsonObject { ["content"] = new JsonArray(Choices.LogProbability(Model, token)) };
                if (piece.Thought.Length > 0)
                    await Send(index, new JsonObject { ["reasoning_content"] = piece.Thought }, null, null).ConfigureAwait(false);
                if (piece.Text.Length > 0 || logs is not null)
                    await Send(index, new JsonObject { ["content"] = piece.Text }, null, logs).ConfigureAwait(false);
                if (piece.ToolCalls.Count > 0)
                {
                    var calls = new JsonObject { ["tool_calls"] = Calls(piece.ToolCalls, numbered: true) };
                    await Send(index, calls, null, null).ConfigureAwait(false);
                }
                if (piece.Finish is { } finish) await Send(index, [], Choices.Finish(finish), null).ConfigureAwait(false);
            }
            var used = Choices.Done(Operation, last, copies: last.Length);
            if (usage)
            {
                var final = Head.Json("chat.completion.chunk", []);
                final["usage"] = used.Json();
                await events.SendAsync(final, cancellation).ConfigureAwait(false);
            }
            await events.EndAsync(cancellation).ConfigureAwait(false);

            Task Send(int index, JsonObject delta, string? finish, JsonObject? logs) => events.SendAsync(Head.Json("chat.completion.chunk",
            [
                new JsonObject { ["index"] = index, ["delta"] = delta, ["finish_reason"] = finish, ["logprobs"] = logs },
            ]), cancellation);
        }

        private static JsonArray Calls(IReadOnlyList<ToolCall> calls, bool numbered) => new([.. calls.Select((call, index) =>
        {
            var result = new JsonObject
            {
                ["id"] = call.Id, ["type"] = "function",
                ["function"] = new JsonObject { ["name"] = call.Name, ["arguments"] = call.Arguments.ToJsonString() },
            };
            if (numbered) result["index"] = index;
            return (JsonNode)result;
        })]);
    }

    private ChatQuery Query(RequestBody body, ServedModel model)
    {
        var (use, tool) = ToolChoice.Read(body.Element("tool_choice"));
        var (schema, anyObject) = ResponseFormat(body.Element("response_format"));
        var wants = body.Flag("logprobs");
        var top = body.Whole("top_logprobs", 0, 20);
        if (top is not null && !wants) throw RequestBody.Wrong("top_logprobs", "'logprobs' to be true beside it");
        var query = new ChatQuery
        {
            Messages = ChatTurns.Read(body.Element("messages")), Tools = ToolChoice.Tools(body.Element("tools")),
            ToolUse = use, Tool = tool, SingleCall = body.Element("parallel_tool_calls") is not null && !body.Flag("parallel_tool_calls"),
            Schema = schema, JsonObject = anyObject, Options = SamplingReader.Read(body, model),
            MostTokens = limits.MaxOutputTokens, LogProbabilities = wants ? top ?? 0 : null,
        };
        var effort = body.Text("reasoning_effort");
        if (effort is not (null or "none" or "minimal" or "low" or "medium" or "high" or "xhigh"))
            throw RequestBody.Wrong("reasoning_effort", "none, minimal, low, medium, high or xhigh");
        return (effort is null ? query : query.Thinking(effort)).With(body.Node(ChatQuery.VariablesKey));
    }

    private static (JsonElement? Schema, bool AnyObject) ResponseFormat(JsonElement? format)
    {
        if (format is not { } given) return (null, false);
        var kind = given.ValueKind == JsonValueKind.Object && given.TryGetProperty("type", out var type) ? type.ToString() : "";
        if (kind == "json_schema" && given.TryGetProperty("json_schema", out var named) && named.ValueKind == JsonValueKind.Object
            && named.TryGetProperty("schema", out var schema)) return (schema, false);
        return kind is "text" or "json_object" ? (null, kind == "json_object")
            : throw RequestBody.Wrong("response_format", "text, json_object, or json_schema with a schema");
    }
}
