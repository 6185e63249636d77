using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;
using TransformerTorch.AI.Tests.Support;
using TransformerTorch.Text;

namespace TransformerTorch.Server.Tests;

/// <summary>What OpenAI's client does not ask for. Truth: OpenAI's reference, Prometheus' format.</summary>
public sealed class EndpointTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Fact]
    public async Task Completions_continue_texts_and_ids_several_at_once_with_probabilities()
    {
        var (status, json) = await server.PostAsync("/v1/completions",
            """{"model":"small","prompt":["Hello there","Once"],"n":2,"max_tokens":5,"temperature":0.7,"seed":3,"logprobs":2}""");

        Assert.Equal(200, status);
        var choices = json!["choices"]!.AsArray();
        Assert.Equal([0, 1, 2, 3], choices.Select(c => c!["index"]!.GetValue<int>()));
        Assert.All(choices, c => Assert.Equal(5, c!["logprobs"]!["tokens"]!.AsArray().Count));
        Assert.NotEqual($"{choices[0]!["text"]}", $"{choices[1]!["text"]}"); // the second draws with the next seed
        Assert.Equal(20, json["usage"]!["completion_tokens"]!.GetValue<int>());

        int[] ids = [.. server.Chat.Tokenizer.Encode("Once").Ids];
        var greedy = "\"max_tokens\":6,\"temperature\":0}";
        var (_, byText) = await server.PostAsync("/v1/completions", "{\"prompt\":\"Once\"," + greedy);
        var (_, byIds) = await server.PostAsync("/v1/completions", $"{{\"prompt\":[{string.Join(',', ids)}]," + greedy);
        var (_, echoed) = await server.PostAsync("/v1/completions", "{\"prompt\":\"Once\",\"echo\":true," + greedy);
        Assert.Equal($"{byText!["choices"]![0]!["text"]}", $"{byIds!["choices"]![0]!["text"]}");
        Assert.Equal("Once" + byText["choices"]![0]!["text"], $"{echoed!["choices"]![0]!["text"]}");
    }

    [Fact]
    public async Task Embeddings_of_ids_are_those_of_the_texts_they_stand_for()
    {
        string[] texts = ["dog", "a cat"];
        var tokenizer = Tokenizer.FromPretrained(SmallModel.Sentences);
        string[] ids = [.. texts.Select(text => $"[{string.Join(',', tokenizer.Encode(text, addSpecialTokens: false).Ids)}]")];

        var byText = await Vectors("""["dog","a cat"]""");
        Assert.Equal(byText, await Vectors($"[{ids[0]},{ids[1]}]"));
        Assert.Equal(await Vectors("\"a cat\""), await Vectors(ids[1]));

        await Refused("[5,1000000]", "which has no 1000000");
        await Refused("[[5],[-1]]", "which has no -1");
        await Refused("[[5],[]]", "lists of one id or more");
        await Refused("[5,\"dog\"]", "expected ids");
        await Refused("[[5],\"dog\"]", "a text, a list of ids, or a list of either");

        async Task<string[]> Vectors(string input)
        {
            var (status, json) = await server.PostAsync("/v1/embeddings", $"{{\"input\":{input},\"encoding_format\":\"base64\"}}");
            Assert.Equal(200, status);
            return [.. json!["data"]!.AsArray().Select(d => $"{d!["embedding"]}")];
        }

        async Task Refused(string input, string why)
        {
            var (status, json) = await server.PostAsync("/v1/embeddings", $"{{\"input\":{input}}}");
            Assert.Equal((400, "input"), (status, $"{json!["error"]!["param"]}"));
            Assert.Contains(why, $"{json["error"]!["message"]}", StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_request_that_fails_is_counted_as_such()
    {
        var errors = new ConcurrentQueue<object?>(); // others' tests run beside
        using var meters = new MeterListener
        {
            InstrumentPublished = (instrument, l) =>
            {
                if (instrument.Name == "gen_ai.client.operation.duration") l.EnableMeasurementEvents(instrument);
            },
        };
        meters.SetMeasurementEventCallback<double>((_, _, tags, _) =>
        {
            foreach (var tag in tags) if (tag.Key == "error.type") errors.Enqueue(tag.Value);
        });
        meters.Start();

        var (status, _) = await server.PostAsync("/v1/embeddings", """{"input":"dog","dimensions":100000}""");

        Assert.Equal(400, status);
        Assert.Contains("System.ArgumentException", errors);
    }

    [Theory]
    [InlineData("/v1/chat/completions", "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]", 4713L)]
    [InlineData("/v1/completions", "{\"prompt\":\"x\"", 4714L)]
    public async Task A_trace_tells_what_was_asked_for(string path, string body, long seed)
    {
        var told = new TaskCompletionSource<Activity>(); // after the answer, perhaps
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == AI.Telemetry.SourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if (Equals(activity.GetTagItem("gen_ai.request.seed"), seed)) told.TrySetResult(activity);
            },
        };
        ActivitySource.AddActivityListener(listener);
        var (_, json) = await server.PostAsync(path, body + ",\"max_tokens\":2,\"n\":2,\"top_k\":5,\"seed\":" + $"{seed}}}");

        var trace = await told.Task.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal((2, 2, 5), (trace.GetTagItem("gen_ai.request.max_tokens"), trace.GetTagItem("gen_ai.request.choice.count"),
            trace.GetTagItem("gen_ai.request.top_k")));
        Assert.Equal(2, ((string[])trace.GetTagItem("gen_ai.response.finish_reasons")!).Length); // each answer's
        Assert.Equal(($"{json!["id"]}", "text"), (trace.GetTagItem("gen_ai.response.id"), trace.GetTagItem("gen_ai.output.type")));
    }

    [Fact]
    public async Task A_stream_of_several_answers_holds_each_under_its_number()
    {
        const string body = """{"messages":[{"role":"user","content":"x"}],"n":3,"max_tokens":6,"temperature":0.9,"seed":1""";
        var (_, whole) = await server.PostAsync("/v1/chat/completions", body + "}");
        using var content = new StringContent(body + ",\"stream\":true}", System.Text.Encoding.UTF8, "application/json");
        using var response = await server.Http.PostAsync("/v1/chat/completions", content);
        var events = (await response.Content.ReadAsStringAsync()).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal("data: [DONE]", events[^1]);
        var texts = new string[] { "", "", "" };
        foreach (var choice in events.SkipLast(1).Select(e => JsonNode.Parse(e["data: ".Length..])!["choices"]![0]!))
            texts[choice["index"]!.GetValue<int>()] += $"{choice["delta"]!["content"]}";
        Assert.Equal(whole!["choices"]!.AsArray().Select(c => $"{c!["message"]!["content"]}"), texts);
    }

    [Fact]
    public async Task Usage_counts_a_prompt_once_and_ends_a_stream_only_where_it_is_asked_for()
    {
        const string body = """{"prompt":["Hello there","Once"],"n":2,"max_tokens":3,"ignore_eos":true""";
        var read = server.Chat.Tokenizer.Encode("Hello there").Ids.Length + server.Chat.Tokenizer.Encode("Once").Ids.Length;

        var (_, whole) = await server.PostAsync("/v1/completions", body + "}");
        Assert.Equal((read, 12), Counts(whole!));
        Assert.DoesNotContain(await Events(body + ",\"stream\":true}"), e => e["usage"] is not null);
        var events = await Events(body + ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
        Assert.Equal((read, 12), Counts(events[^1]));

        static (int, int) Counts(JsonNode answer)
            => (answer["usage"]!["prompt_tokens"]!.GetValue<int>(), answer["usage"]!["completion_tokens"]!.GetValue<int>());

        async Task<JsonNode[]> Events(string asked)
        {
            using var content = new StringContent(asked, System.Text.Encoding.UTF8, "application/json");
            using var response = await server.Http.PostAsync("/v1/completions", content);
            var events = (await response.Content.ReadAsStringAsync()).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
            return [.. events.SkipLast(1).Select(e => JsonNode.Parse(e["data: ".Length..])!)];
        }
    }

    [Fact]
    public async Task What_was_held_of_prompts_is_told_by_usage_and_by_figures()
    {
        var text = "Continued by nobody else: " + string.Join(' ', Enumerable.Range(200, 60));
        var body = $"{{\"prompt\":[\"{text}\",\"{text}!\"],\"n\":2,\"max_tokens\":2";
        await server.PostAsync("/v1/completions", body + "}");
        var before = await Figure();
        var (_, again) = await server.PostAsync("/v1/completions", body + "}");
        var after = await Figure();
        using var content = new StringContent(
            body + ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}", System.Text.Encoding.UTF8, "application/json");
        using var response = await server.Http.PostAsync("/v1/completions", content);
        var last = (await response.Content.ReadAsStringAsync()).Split("\n\n", StringSplitOptions.RemoveEmptyEntries)[^2];

        var held = Held(again!);
        Assert.InRange(held, 2 * 60, again!["usage"]!["prompt_tokens"]!.GetValue<int>() - 2);
        Assert.Equal(2 * held, after - before); // each of two answers found it
        Assert.Equal(held, Held(JsonNode.Parse(last["data: ".Length..])!));

        static int Held(JsonNode answer) => answer["usage"]!["prompt_tokens_details"]!["cached_tokens"]!.GetValue<int>();

        async Task<int> Figure()
        {
            const string name = "transformertorch_prompt_tokens_held_total{model=\"small\"} ";
            var lines = (await server.Http.GetStringAsync("/metrics")).Split('\n');
            return int.Parse(lines.Single(l => l.StartsWith(name, StringComparison.Ordinal))[name.Length..],
                System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    [Fact]
    public async Task Who_leaves_in_the_midst_of_a_stream_is_counted_as_gone()
    {
        const string body = """{"messages":[{"role":"user","content":"x"}],"max_tokens":480,"ignore_eos":true,"stream":true}""";
        // Hangs up at once: by default .NET's client reads on for two seconds, in which so small a model is done.
        using (var handler = new SocketsHttpHandler { ResponseDrainTimeout = TimeSpan.Zero, MaxResponseDrainSize = 0 })
        using (var client = new HttpClient(handler) { BaseAddress = server.Http.BaseAddress })
        using (var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json"))
        using (var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = content })
        {
            request.Headers.Authorization = server.Http.DefaultRequestHeaders.Authorization;
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            await (await response.Content.ReadAsStreamAsync()).ReadExactlyAsync(new byte[6]);
        }

        const string gone = "http_requests_total{path=\"/v1/chat/completions\",status=\"499\"}";
        var figures = "";
        for (var i = 0; i < 500 && !figures.Contains(gone, StringComparison.Ordinal); i++)
        {
            await Task.Delay(20);
            figures = await server.Http.GetStringAsync("/metrics");
        }
        Assert.Contains(gone, figures, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Figures_are_Prometheus_text_and_count_what_happened()
    {
        await server.PostAsync("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"max_tokens":3}""");
        var text = await server.Http.GetStringAsync("/metrics");

        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(lines, l => Assert.Matches(@"^(# TYPE \w+ (counter|gauge|histogram)|\w+(\{[^}]*\})? [0-9.eE+-]+)$", l));
        Assert.Contains(lines, l =>
            l.StartsWith("http_requests_total{path=\"/v1/chat/completions\",status=\"200\"}", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("transformertorch_generated_tokens_total{model=\"small\"}", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("gen_ai_client_operation_time_to_first_chunk_seconds_bucket", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("gen_ai_server_time_to_first_token_seconds_bucket", StringComparison.Ordinal));
        Assert.Contains("{\"status\":\"healthy\"", await server.Http.GetStringAsync("/health"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspection_gives_weights_that_sum_to_one_and_probabilities_of_each_token()
    {
        var (status, json) = await server.PostAsync("/api/inspect", """{"model":"small","text":"Hello there, world","layer":1}""");

        Assert.Equal(200, status);
        var (tokens, heads) = (json!["tokens"]!.AsArray(), json["attention"]!.AsArray());
        Assert.Equal("Hello there, world", string.Concat(tokens.Select(t => $"{t}")));
        Assert.Equal(4, heads.Count);
        Assert.All(heads.SelectMany(h => h!.AsArray()), row => Assert.InRange(row!.AsArray().Sum(w => w!.GetValue<int>()), 980, 1020));
        Assert.Null(json["probabilities"]![0]);
        Assert.InRange(json["probabilities"]![1]!["probability"]!.GetValue<double>(), 0, 1);
        Assert.Equal(400, (await server.PostAsync("/api/inspect", """{"model":"small","text":"x","layer":2}""")).Status);
    }
}
