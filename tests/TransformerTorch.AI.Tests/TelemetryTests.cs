using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.AI;

namespace TransformerTorch.AI.Tests;

/// <summary>Truth: OpenTelemetry's conventions for generative AI.</summary>
public sealed class TelemetryTests(LoadedModel loaded) : IClassFixture<LoadedModel>
{
    [Fact]
    public void A_servers_times_are_of_each_answer_that_came_to_its_end()
    {
        using var figures = new Figures("served");
        using (var operation = Telemetry.Begin("chat", "served"))
        {
            foreach (var answer in new[] { 0, 1, 0, 1, 0, 2 }) operation.Token(answer);
            operation.Done(3, 6, ["stop"]);
        }
        Assert.Single(figures["gen_ai.server.time_to_first_token"]);
        Assert.Equal(2, figures["gen_ai.server.time_per_output_token"].Count); // one answer has no token after its first
        Assert.Equal([null], figures["gen_ai.server.request.duration"]);

        using (var operation = Telemetry.Begin("chat", "served"))
        {
            operation.Token();
            operation.Token();
            operation.Fail(new InvalidOperationException());
        }
        Assert.Single(figures["gen_ai.server.time_to_first_token"]);
        Assert.Equal(2, figures["gen_ai.server.time_per_output_token"].Count);
        Assert.Equal([null, "System.InvalidOperationException"], figures["gen_ai.server.request.duration"]);
    }

    [Theory]
    [InlineData("gen_ai.server.request.duration", 14, 0.01, 81.92)]
    [InlineData("gen_ai.server.time_to_first_token", 16, 0.001, 10)]
    [InlineData("gen_ai.server.time_per_output_token", 13, 0.01, 2.5)]
    public void Buckets_are_those_that_the_conventions_advise(string name, int count, double least, double most)
    {
        using var figures = new Figures("bounds");
        using (var operation = Telemetry.Begin("chat", "bounds"))
        {
            operation.Token();
            operation.Token();
            operation.Done(1, 2);
        }
        var histogram = (Histogram<double>)figures.Instruments[name];
        var bounds = histogram.Advice!.HistogramBucketBoundaries!;

        Assert.Equal(("s", count, least, most), (histogram.Unit, bounds.Count, bounds[0], bounds[^1]));
        Assert.Equal(bounds.Order(), bounds);
    }

    [Fact]
    public async Task A_trace_tells_what_was_asked_for()
    {
        using var traces = new Traces();
        var options = new ChatOptions
        {
            MaxOutputTokens = 2, Temperature = 0.5f, TopP = 0.5f, TopK = 7, Seed = 4711, StopSequences = ["zzz"], FrequencyPenalty = 0.25f,
            PresencePenalty = 0.75f, ResponseFormat = ChatResponseFormat.Json,
        };
        await loaded.Client.GetStreamingResponseAsync("x", options).ToListAsync();
        await loaded.Client.GetResponseAsync("x", new ChatOptions { MaxOutputTokens = 2, Seed = 4712 });

        var first = traces.Of(4711);
        Assert.Equal((2, 0.5, 0.5, 7), (first["gen_ai.request.max_tokens"], first["gen_ai.request.temperature"],
            first["gen_ai.request.top_p"], first["gen_ai.request.top_k"]));
        Assert.Equal((0.25, 0.75), (first["gen_ai.request.frequency_penalty"], first["gen_ai.request.presence_penalty"]));
        Assert.Equal((true, "json"), (first["gen_ai.request.stream"], first["gen_ai.output.type"]));
        Assert.Equal(["zzz"], (string[])first["gen_ai.request.stop_sequences"]!);
        var second = traces.Of(4712);
        Assert.Equal("text", second["gen_ai.output.type"]);
        string[] unasked = ["stream", "stop_sequences", "frequency_penalty", "presence_penalty", "choice.count"];
        Assert.Empty(unasked.Select(name => $"gen_ai.request.{name}").Intersect(second.Keys));
    }

    /// <summary>Traces by the seed that was asked for: those of other tests come in between.</summary>
    private sealed class Traces : IDisposable
    {
        private readonly List<Activity> _all = [];
        private readonly ActivityListener _listener;

        public Traces()
        {
            _listener = new ActivityListener
            {
                ShouldListenTo = source => source.Name == Telemetry.SourceName,
                Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
                ActivityStopped = activity =>
                {
                    lock (_all) _all.Add(activity);
                },
            };
            ActivitySource.AddActivityListener(_listener);
        }

        public Dictionary<string, object?> Of(long seed)
        {
            lock (_all) return _all.Single(a => Equals(a.GetTagItem("gen_ai.request.seed"), seed)).TagObjects.ToDictionary();
        }

        public void Dispose() => _listener.Dispose();
    }

    /// <summary>The failures that measurements of one model were of, by the instrument's name; null: none.</summary>
    private sealed class Figures : IDisposable
    {
        private readonly Dictionary<string, List<object?>> _all = [];
        private readonly MeterListener _listener = new();

        public Figures(string model)
        {
            _listener.InstrumentPublished = (instrument, l) =>
            {
                if (instrument.Meter.Name != Telemetry.SourceName) return;
                lock (_all) Instruments[instrument.Name] = instrument;
                l.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) =>
            {
                var told = tags.ToArray().ToDictionary();
                if (!Equals(told["gen_ai.request.model"], model)) return;
                lock (_all) this[instrument.Name].Add(told.GetValueOrDefault("error.type"));
            });
            _listener.Start();
        }

        public Dictionary<string, Instrument> Instruments { get; } = [];

        public List<object?> this[string name]
        {
            get
            {
                if (!_all.TryGetValue(name, out var list)) _all[name] = list = [];
                return list;
            }
        }

        public void Dispose() => _listener.Dispose();
    }
}
