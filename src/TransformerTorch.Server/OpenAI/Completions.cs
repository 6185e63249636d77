using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using TransformerTorch.AI;
using TransformerTorch.Generation;

namespace TransformerTorch.Server.OpenAI;

/// <summary><c>POST /v1/completions</c>: texts or ids continued as they stand.</summary>
internal sealed class Completions(ModelRegistry models, ServerOptions limits)
{
    private const int UsualLength = 16; // OpenAI's

    public async Task HandleAsync(HttpContext context)
    {
        var cancellation = context.RequestAborted;
        var body = await RequestBody.ReadAsync(context).ConfigureAwait(false);
        var model = models.Find(body.Text("model"));
        var writer = models.Writer(model);
        if (body.Text("suffix") is { Length: > 0 }) throw RequestBody.Wrong("suffix", "nothing: this model only continues");
        var (count, logs, echo) = (body.Whole("n", 1, limits.MaxChoices) ?? 1, body.Whole("logprobs", 0, 20), body.Flag("echo"));
        if (body.Whole("best_of", 1) is { } best && best != count) throw RequestBody.Wrong("best_of", "what 'n' is");
        if (echo && logs is not null) throw RequestBody.Wrong("echo", "no 'logprobs' beside it");
        var options = SamplingReader.Read(body, model);
        options = options with { MaxNewTokens = options.MaxNewTokens ?? UsualLength };
        var prompts = Prompts(body.Element("prompt"), writer);
        if (prompts.Count * count > limits.MaxChoices)
            throw RequestBody.Wrong("prompt", $"at most {limits.MaxChoices} texts in all, counting each 'n' times");

        var streams = body.Flag("stream");
        await Telemetry.MeasureAsync("text_completion", model.Name, async operation =>
        {
            operation.Request(options, count, streams);
            IAsyncEnumerable<ChatPiece>[] answers = [.. prompts.SelectMany(prompt => Choices.Seeded(options, count)
                .Select(seeded => writer.Continue(prompt, seeded, limits.MaxOutputTokens, logs, cancellation)))];
            string[] openings = [.. prompts.SelectMany(p => Enumerable.Repeat(echo ? model.Tokenizer.Decode(p) : "", count))];
            var (id, created) = ($"cmpl-{Guid.NewGuid():N}", DateTimeOffset.UtcNow.ToUnixTimeSeconds());
            operation.Set("gen_ai.response.id", id);
            var run = new Run(model, answers, count, openings, logs, operation, choices => new JsonObject
            {
                ["id"] = id, ["object"] = "text_completion", ["created"] = created, ["model"] = model.Name, ["choices"] = choices,
            });
            if (streams) await run.StreamAsync(context, Choices.WantsUsage(body)).ConfigureAwait(false);
            else await context.Response.WriteAsJsonAsync(await run.WholeAsync(cancellation).ConfigureAwait(false), cancellation)
                .ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    // Copies: answers of each prompt, which stand together.
    private sealed record Run(ServedModel Model, IReadOnlyList<IAsyncEnumerable<ChatPiece>> Answers, int Copies, string[] Openings,
        int? Logs, Telemetry.Operation Operation, Func<JsonArray, JsonObject> Head)
    {
        private readonly ChatPiece[] _last = new ChatPiece[Answers.Count];
        private Choices.TokenUsage _used; // known when all have come

        public async Task<JsonObject> WholeAsync(CancellationToken cancellation)
        {
            var texts = Openings.Select(o => new StringBuilder(o)).ToArray();
            var tokens = Answers.Select(_ => new List<(TextPiece, int)>()).ToArray();
            await foreach (var (index, piece) in Pieces(cancellation).ConfigureAwait(false))
            {
                if (piece.Token is { } token) tokens[index].Add((token, texts[index].Length));
                texts[index].Append(piece.Text);
            }
            var result = Head([.. texts.Select((text, index) =>
                Choice(index, text.ToString(), Choices.Finish(_last[index].Finish!.Value), Probabilities(tokens[index])))]);
            result["usage"] = _used.Json();
            return result;
        }

        public async Task StreamAsync(HttpContext context, bool usage)
        {
            var (events, cancellation) = (new EventStream(context), context.RequestAborted);
            var lengths = new int[Answers.Count];
            await foreach (var (index, piece) in Pieces(cancellation).ConfigureAwait(false))
            {
                var text = (lengths[index] == 0 ? Openings[index] : "") + piece.Text;
                if (text.Length == 0 && piece.Finish is null && Logs is null) continue;
                var logs = piece.Token is { } token ? Probabilities([(token, lengths[index])]) : null;
                lengths[index] += text.Length;
                var finish = piece.Finish is { } reason ? Choices.Finish(reason) : null;
                await events.SendAsync(Head([Choice(index, text, finish, logs)]), cancellation).ConfigureAwait(false);
            }
            if (usage)
            {
                var final = Head([]);
                final["usage"] = _used.Json();
                await events.SendAsync(final, cancellation).ConfigureAwait(false);
            }
            await events.EndAsync(cancellation).ConfigureAwait(false);
        }

        private async IAsyncEnumerable<(int Index, ChatPiece Piece)> Pieces(
            [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
        {
            await foreach (var next in Choices.Merge(Answers, cancellation).ConfigureAwait(false))
            {
                if (next.Piece.Token is not null) Operation.Token(next.Index);
                _last[next.Index] = next.Piece;
                yield return next;
            }
            _used = Choices.Done(Operation, _last, Copies);
        }

        private static JsonObject Choice(int index, string text, string? finish, JsonObject? logs)
            => new() { ["index"] = index, ["text"] = text, ["finish_reason"] = finish, ["logprobs"] = logs };

        private JsonObject? Probabilities(IReadOnlyList<(TextPiece Token, int Offset)> tokens) => Logs is null ? null : new JsonObject
        {
            ["tokens"] = new JsonArray([.. tokens.Select(t => (JsonNode)Choices.Token(Model, t.Token.Id!.Value))]),
            ["token_logprobs"] = new JsonArray([.. tokens.Select(t => (JsonNode)Choices.Finite(t.Token.LogProbability ?? 0))]),
            ["top_logprobs"] = new JsonArray([.. tokens.Select(t => (JsonNode)Likeliest(t.Token))]),
            ["text_offset"] = new JsonArray([.. tokens.Select(t => (JsonNode)t.Offset)]),
        };

        private JsonObject Likeliest(TextPiece token)
        {
            var result = new JsonObject();
            foreach (var (id, log) in token.Likeliest ?? []) result[Choices.Token(Model, id)] = Choices.Finite(log);
            return result;
        }
    }

    private static IReadOnlyList<IReadOnlyList<int>> Prompts(JsonElement? prompt, ChatWriter writer)
    {
        if (prompt is not { } given) return [writer.Encode("")];
        if (given.ValueKind == JsonValueKind.String) return [writer.Encode(given.GetString()!)];
        if (given.ValueKind == JsonValueKind.Array && given.GetArrayLength() > 0)
        {
            if (given[0].ValueKind == JsonValueKind.Number) return [RequestBody.Ids("prompt", given)];
            if (given.EnumerateArray().All(p => p.ValueKind == JsonValueKind.String))
                return [.. given.EnumerateArray().Select(p => writer.Encode(p.GetString()!))];
            if (given.EnumerateArray().All(p => p.ValueKind == JsonValueKind.Array))
                return [.. given.EnumerateArray().Select(list => RequestBody.Ids("prompt", list))];
        }
        throw RequestBody.Wrong("prompt", "a text, a list of ids, or a list of either");
    }
}
