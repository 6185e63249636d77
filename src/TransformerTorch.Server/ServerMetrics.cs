using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using TransformerTorch.AI;

namespace TransformerTorch.Server;

/// <summary>Figures in Prometheus' text format: requests, what the engines do, and the histograms of <see cref="Telemetry"/>.</summary>
internal sealed class ServerMetrics : IDisposable
{
    private readonly ConcurrentDictionary<(string Path, int Status), long> _requests = [];
    private readonly ConcurrentDictionary<string, Distribution> _histograms = [];
    private readonly MeterListener _listener = new();
    private int _underWay;

    public ServerMetrics()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == Telemetry.SourceName) listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Record(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Record(instrument, value, tags));
        _listener.Start();
    }

    /// <summary>A request, until disposed.</summary>
    public Request Begin(HttpContext context)
    {
        Interlocked.Increment(ref _underWay);
        return new Request(status =>
        {
            Interlocked.Decrement(ref _underWay);
            // Only paths that exist: what strangers ask for must not fill the memory.
            var path = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "other";
            _requests.AddOrUpdate((path, status ?? context.Response.StatusCode), 1, (_, count) => count + 1);
        });
    }

    public string Text(IEnumerable<ServedModel> models)
    {
        var text = new StringBuilder();
        Line($"# TYPE http_requests_total counter");
        foreach (var ((path, status), count) in _requests.OrderBy(r => r.Key))
            Line($"http_requests_total{{path=\"{Escaped(path)}\",status=\"{status}\"}} {count}");
        Line($"# TYPE http_requests_in_flight gauge\nhttp_requests_in_flight {_underWay}");
        Line($"# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes {Environment.WorkingSet}");
        (string Name, string Kind, Func<Generation.Batching.BatchStatistics, long> Of)[] figures =
        [
            ("requests_running", "gauge", s => s.Running), ("requests_waiting", "gauge", s => s.Waiting),
            ("cache_pages", "gauge", s => s.Pages), ("cache_pages_free", "gauge", s => s.FreePages),
            ("steps_total", "counter", s => s.Steps),
            ("prompt_tokens_total", "counter", s => s.PromptTokens), ("prompt_tokens_held_total", "counter", s => s.HeldTokens),
            ("generated_tokens_total", "counter", s => s.NewTokens), ("preemptions_total", "counter", s => s.Preemptions),
        ];
        var running = models.Where(m => m.Engine is not null).Select(m => (m.Name, m.Engine!.Statistics)).ToList();
        foreach (var (name, kind, of) in figures)
        {
            Line($"# TYPE transformertorch_{name} {kind}");
            foreach (var (model, statistics) in running) Line($"transformertorch_{name}{{model=\"{Escaped(model)}\"}} {of(statistics)}");
        }
        foreach (var group in _histograms.OrderBy(h => h.Key, StringComparer.Ordinal).GroupBy(h => h.Key.Split('{')[0]))
        {
            Line($"# TYPE {group.Key} histogram");
            foreach (var (key, distribution) in group) distribution.Write(text, group.Key, key[(group.Key.Length + 1)..^1]);
        }
        return text.ToString();

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }

    public void Dispose() => _listener.Dispose();

    private void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var key = new StringBuilder(instrument.Name.Replace('.', '_')).Append(instrument.Unit == "s" ? "_seconds{" : "{");
        foreach (var (name, tag) in tags) key.Append(name.Replace('.', '_')).Append("=\"").Append(Escaped($"{tag}")).Append("\",");
        key[^1] = '}';
        _histograms.GetOrAdd(key.ToString(), _ => new Distribution(Bounds(instrument))).Add(value);
    }

    private static double[] Bounds(Instrument instrument) => instrument switch
    {
        Histogram<double> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds],
        Histogram<long> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds.Select(b => (double)b)],
        _ => [],
    };

    private static string Escaped(string value) => value.Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    /// <summary>A request under way.</summary>
    internal sealed class Request(Action<int?> end) : IDisposable
    {
        /// <summary>What it is counted under; null: the response's own status.</summary>
        public int? Status { get; set; }

        public void Dispose() => end(Status);
    }

    private sealed class Distribution(double[] bounds)
    {
        private readonly long[] _counts = new long[bounds.Length + 1];
        private double _sum;

        public void Add(double value)
        {
            var at = Array.FindIndex(bounds, b => value <= b);
            lock (_counts)
            {
                _counts[at < 0 ? bounds.Length : at]++;
                _sum += value;
            }
        }

        public void Write(StringBuilder text, string name, string labels)
        {
            lock (_counts)
            {
                var before = 0L;
                for (var i = 0; i < _counts.Length; i++)
                {
                    before += _counts[i];
                    var bound = i < bounds.Length ? bounds[i].ToString(CultureInfo.InvariantCulture) : "+Inf";
                    text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{{labels},le=\"{bound}\"}} {before}\n");
                }
                text.Append(CultureInfo.InvariantCulture, $"{name}_sum{{{labels}}} {_sum}\n{name}_count{{{labels}}} {before}\n");
            }
        }
    }
}
