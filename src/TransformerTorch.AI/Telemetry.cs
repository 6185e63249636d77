using System.Diagnostics;
using System.Diagnostics.Metrics;
using TransformerTorch.Generation;

namespace TransformerTorch.AI;

/// <summary>Traces and figures by OpenTelemetry's names for generative models. Nothing of what is said in a chat is in them.</summary>
public static class Telemetry
{
    /// <summary>The name of the source of activities and of the meter.</summary>
    public const string SourceName = "TransformerTorch.AI";

    /// <summary><c>gen_ai.provider.name</c>.</summary>
    public const string Provider = "transformertorch";

    private static readonly ActivitySource s_activities = new(SourceName);
    private static readonly Meter s_meter = new(SourceName);
    private static readonly Histogram<long> s_tokens = s_meter.CreateHistogram("gen_ai.client.token.usage", "{token}",
        "Tokens read and generated", null, Advice([.. Enumerable.Range(0, 14).Select(power => 1L << (2 * power))]));
    private static readonly Histogram<double> s_duration = Seconds("gen_ai.client.operation.duration", "How long an operation took");
    private static readonly Histogram<double> s_first = Seconds("gen_ai.client.operation.time_to_first_chunk", "Until the first token");
    private static readonly Histogram<double> s_each = Seconds("gen_ai.client.operation.time_per_output_chunk", "For each token after it");
    private static readonly Histogram<double> s_served = Seconds("gen_ai.server.request.duration", "How long a request took");
    private static readonly Histogram<double> s_firstToken = Seconds("gen_ai.server.time_to_first_token",
        "Until the first token of an answer that came to its end",
        0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10);
    private static readonly Histogram<double> s_eachToken = Seconds("gen_ai.server.time_per_output_token",
        "For a token after it, on the whole of such an answer", 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5);

    /// <summary>Begins an operation ("chat", "embeddings", "text_completion").</summary>
    internal static Operation Begin(string operation, string model) => new(operation, model);

    /// <summary>An operation for as long as some work takes; where that fails, so did the operation.</summary>
    public static async Task MeasureAsync(string operation, string model, Func<Operation, Task> work)
    {
        using var begun = Begin(operation, model);
        try
        {
            await work(begun).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            begun.Fail(e);
            throw;
        }
    }

    private static Histogram<double> Seconds(string name, string description, params double[] bounds)
        => s_meter.CreateHistogram(name, "s", description, null, Advice(bounds.Length > 0 ? bounds
            : [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]));

    private static InstrumentAdvice<T> Advice<T>(params T[] bounds) where T : struct => new() { HistogramBucketBoundaries = bounds };

    /// <summary>One operation, until disposed.</summary>
    public sealed class Operation : IDisposable
    {
        private readonly Activity? _activity;
        private readonly long _start = Stopwatch.GetTimestamp();
        private readonly string _operation, _model;
        private readonly Dictionary<int, (long First, long Last, int Tokens)> _answers = [];
        private string? _error;
        private long _last;

        internal Operation(string operation, string model)
        {
            (_operation, _model) = (operation, model);
            _activity = s_activities.StartActivity($"{operation} {model}", ActivityKind.Client);
            Set("gen_ai.operation.name", operation);
            Set("gen_ai.provider.name", Provider);
            Set("gen_ai.request.model", model);
        }

        /// <summary>An attribute of the trace; null: none.</summary>
        public void Set(string name, object? value)
        {
            if (value is not null) _activity?.SetTag(name, value);
        }

        /// <summary>What is asked for; what is so anyway is left out.</summary>
        public void Request(GenerationOptions options, int choices = 1, bool streams = false, bool json = false)
        {
            Set("gen_ai.request.max_tokens", options.MaxNewTokens);
            Set("gen_ai.request.temperature", options.Temperature);
            Set("gen_ai.request.top_p", options.TopP);
            Set("gen_ai.request.top_k", options.TopK);
            Set("gen_ai.request.seed", options.Seed);
            Set("gen_ai.request.frequency_penalty", options.FrequencyPenalty != 0 ? options.FrequencyPenalty : null);
            Set("gen_ai.request.presence_penalty", options.PresencePenalty != 0 ? options.PresencePenalty : null);
            Set("gen_ai.request.stop_sequences", options.StopTexts.Count > 0 ? options.StopTexts.ToArray() : null);
            Set("gen_ai.request.choice.count", choices > 1 ? choices : null);
            Set("gen_ai.request.stream", streams ? true : null);
            Set("gen_ai.output.type", json ? "json" : "text");
        }

        /// <summary>A token came, of one of the answers.</summary>
        public void Token(int answer = 0)
        {
            var now = Stopwatch.GetTimestamp();
            var (first, _, tokens) = _answers.GetValueOrDefault(answer, (now, now, 0));
            _answers[answer] = (first, now, tokens + 1);
            if (_last == 0) s_first.Record(Elapsed(_start, now), Tags());
            else s_each.Record(Elapsed(_last, now), Tags());
            if (_last == 0) Set("gen_ai.response.time_to_first_chunk", Elapsed(_start, now));
            _last = now;
        }

        /// <summary>It is done.</summary>
        /// <param name="inputTokens">tokens of what was asked</param>
        /// <param name="outputTokens">tokens generated; null: none could be</param>
        /// <param name="finishes">of each answer, why it ended</param>
        /// <param name="cachedTokens">of those asked, the ones that were held already</param>
        /// <param name="thoughtTokens">of those generated, the ones that were thought before the answer</param>
        public void Done(int inputTokens, int? outputTokens, string[]? finishes = null, int? cachedTokens = null, int thoughtTokens = 0)
        {
            Set("gen_ai.response.model", _model);
            Set("gen_ai.usage.input_tokens", inputTokens);
            Set("gen_ai.usage.cache_read.input_tokens", cachedTokens);
            Set("gen_ai.usage.output_tokens", outputTokens);
            Set("gen_ai.usage.reasoning.output_tokens", thoughtTokens > 0 ? thoughtTokens : null);
            Set("gen_ai.response.finish_reasons", finishes);
            s_tokens.Record(inputTokens, [.. Tags(), new("gen_ai.token.type", "input")]);
            if (outputTokens is { } output) s_tokens.Record(output, [.. Tags(), new("gen_ai.token.type", "output")]);
            if (_answers.Count > 0) s_firstToken.Record(Elapsed(_start, _answers.Values.Min(a => a.First)), Tags());
            foreach (var (first, last, tokens) in _answers.Values.Where(a => a.Tokens > 1))
                s_eachToken.Record(Elapsed(first, last) / (tokens - 1), Tags());
        }

        /// <summary>It failed.</summary>
        public void Fail(Exception error)
        {
            _error = error.GetType().FullName;
            Set("error.type", _error);
            _activity?.SetStatus(ActivityStatusCode.Error, error.Message);
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            var (seconds, tags) = (Elapsed(_start, Stopwatch.GetTimestamp()), Tags());
            if (_error is not null) tags = [.. tags, new("error.type", _error)];
            s_duration.Record(seconds, tags);
            s_served.Record(seconds, tags); // who asks and who answers are one program
            _activity?.Dispose();
        }

        private KeyValuePair<string, object?>[] Tags() =>
        [
            new("gen_ai.operation.name", _operation), new("gen_ai.provider.name", Provider), new("gen_ai.request.model", _model),
        ];

        private static double Elapsed(long from, long to) => Stopwatch.GetElapsedTime(from, to).TotalSeconds;
    }
}
