using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using TransformerTorch.Checkpoints;
using TransformerTorch.Data;

namespace TransformerTorch.Training;

/// <summary>Figures of a step.</summary>
/// <param name="Step">Which, from 1.</param>
/// <param name="Epoch">Passes over the data, with fraction.</param>
/// <param name="Loss">Mean loss of its target tokens, nats.</param>
/// <param name="LearningRate">The rate it was made with.</param>
/// <param name="GradNorm">Norm of its gradients before clipping.</param>
/// <param name="TokensPerSecond">Target tokens a second since the last logged step, evaluation and checkpoints left out.</param>
/// <param name="TokensSeen">Target tokens so far.</param>
public sealed record StepMetrics(
    int Step, double Epoch, double Loss, double LearningRate, double GradNorm, double TokensPerSecond, long TokensSeen)
{
    /// <summary>The share of the time since the last logged step in which the device waited for data.</summary>
    public double DataWait { get; init; }

    /// <summary>The model's own arithmetic as a share of what bare matrix products reach on the device.</summary>
    public double Mfu { get; init; }

    /// <summary>Steps skipped so far, their gradients not finite or far beyond the usual.</summary>
    public int SkippedSteps { get; init; }
}

/// <summary>Figures of an evaluation.</summary>
/// <param name="Step">After how many steps.</param>
/// <param name="EvalLoss">Mean loss of a target, nats.</param>
public sealed record EvaluationMetrics(int Step, double EvalLoss)
{
    /// <summary>The loss's exponential, where targets are tokens.</summary>
    public double? EvalPerplexity { get; init; }

    /// <summary>Bits that the model needs for a byte of the text, comparable between tokenizers; where it predicts every token.</summary>
    public double? EvalBitsPerByte { get; init; }

    /// <summary>What else was measured, as <c>eval_</c> names: accuracy, F1, ROUGE.</summary>
    [JsonIgnore]
    public JsonObject? Scores { get; init; }

    /// <summary>Scores that came out as no number, such as a correlation with what does not vary; JSON has no word for it.</summary>
    [JsonIgnore]
    public IReadOnlyList<string> Undefined { get; init; } = [];

    /// <summary>Targets evaluated.</summary>
    public long EvalTokens { get; init; }

    /// <summary>How long it took.</summary>
    public double EvalSeconds { get; init; }
}

/// <summary><c>metrics.jsonl</c>: a JSON object a line, each with <c>step</c>.</summary>
public sealed class MetricsLog : IDisposable
{
    private static readonly JsonSerializerOptions _snakeCase = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new FiniteNumbers() },
    };

    private readonly StreamWriter _writer;

    /// <summary>Opens the file to go on after <paramref name="step"/>: later lines, and one that was cut off, are dropped.</summary>
    public MetricsLog(string path, int step)
    {
        if (File.Exists(path)) DropAfter(path, step);
        _writer = new StreamWriter(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read))
        {
            AutoFlush = true, NewLine = "\n",
        };
    }

    /// <summary>Figures by the names that they have in the file; null where one is no finite number, as of a skipped step.</summary>
    public static JsonObject Json<T>(T metrics)
    {
        var json = (JsonObject)JsonSerializer.SerializeToNode(metrics, _snakeCase)!;
        if (metrics is EvaluationMetrics { Scores: { } scores })
            foreach (var (name, value) in scores) json[name] = value?.DeepClone();
        return json;
    }

    /// <summary>Drops the lines of a file that are of later steps, and what a process that was killed left of one.</summary>
    internal static void DropAfter(string path, int step)
    {
        var lines = File.ReadAllLines(path);
        var kept = lines.Where(line => StepOf(line) <= step).ToArray();
        if (kept.Length != lines.Length || !EndsWithNewline(path))
            AtomicFile.WriteText(path, string.Concat(kept.Select(line => line + "\n")));
    }

    /// <summary>Appends a line.</summary>
    public void Write<T>(T metrics) => _writer.WriteLine(Json(metrics).ToJsonString());

    /// <inheritdoc/>
    public void Dispose() => _writer.Dispose();

    private static int StepOf(string line)
    {
        try { return (int?)JsonNode.Parse(line)?["step"] ?? int.MaxValue; }
        catch (JsonException) { return int.MaxValue; }
    }

    private static bool EndsWithNewline(string path)
    {
        using var stream = File.OpenRead(path);
        if (stream.Length == 0) return true;
        stream.Seek(-1, SeekOrigin.End);
        return stream.ReadByte() == '\n';
    }

    private sealed class FiniteNumbers : JsonConverter<double>
    {
        public override double Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => reader.GetDouble();

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
        {
            if (double.IsFinite(value)) writer.WriteNumberValue(value);
            else writer.WriteNullValue();
        }
    }
}
