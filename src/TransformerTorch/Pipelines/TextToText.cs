using TransformerTorch.Generation;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Pipelines;

/// <summary>
/// Texts from texts, as the model's <c>generation_config.json</c> says: a decoder continues them, a decoder beside an encoder answers them.
/// </summary>
public class TextToText : IDisposable
{
    private const int BatchSize = 8;
    private readonly PipelineModel<LanguageModel> _model;
    private readonly TokenGenerator _generator;
    private readonly string _prefix;

    /// <summary>A model's folder.</summary>
    /// <param name="folder">the folder</param>
    /// <param name="task">the published name of what is done; none: the model's own</param>
    /// <param name="prefix">put before each text; null: what the folder says of the task</param>
    /// <param name="device">where to; none: the CPU</param>
    private protected TextToText(string folder, string? task, string? prefix, Device? device)
    {
        _model = new(folder, device);
        _generator = new TokenGenerator(_model.Model);
        var own = task is null ? null : PublishedTask.Find(_model.Model.Config.Published, task, prefix);
        _prefix = prefix ?? own?.Prefix ?? "";
        Defaults = GenerationOptions.Read(folder, beams: true, own?.Keys ?? []);
    }

    /// <summary>How the model's folder says texts are to be generated, for this task where it says so.</summary>
    public GenerationOptions Defaults { get; }

    /// <summary>What the model makes of a text.</summary>
    /// <inheritdoc cref="Run(IReadOnlyList{string}, GenerationOptions?, CancellationToken)"/>
    public string Run(string text, GenerationOptions? options = null, CancellationToken cancellation = default)
        => Run([text], options, cancellation)[0];

    /// <summary>What the model makes of each text; where several are asked for, each text's follow each other.</summary>
    /// <exception cref="ArgumentException">A text is empty or too long, or the options contradict each other.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; takes effect between tokens.</exception>
    public string[] Run(IReadOnlyList<string> texts, GenerationOptions? options = null, CancellationToken cancellation = default)
    {
        var (chosen, copies) = (options ?? Defaults, Math.Max(1, (options ?? Defaults).Returned));
        var ids = _model.Tokenizer.EncodeBatch([.. texts.Select(t => _prefix + t)]).Select(e => (IReadOnlyList<int>)e.Ids).ToArray();
        var results = new string[texts.Count * copies];
        // Texts of one length go together, so that none is padded: what comes out does not depend on its neighbours.
        foreach (var batch in Enumerable.Range(0, ids.Length).GroupBy(i => ids[i].Count).SelectMany(g => g.Chunk(BatchSize)))
        {
            var made = _generator.Generate([.. batch.Select(i => ids[i])], chosen, cancellation);
            for (var i = 0; i < made.Length; i++)
            {
                var text = StopTexts.Cut(_model.Tokenizer.Decode(made[i]), chosen.StopTexts);
                results[(batch[i / copies] * copies) + (i % copies)] = text.Trim();
            }
        }
        return results;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _model.Dispose();
        GC.SuppressFinalize(this);
    }
}

/// <summary>Continues texts. <c>TextGeneration.Load(folder).Run("Once upon a time")</c></summary>
public sealed class TextGeneration : TextToText
{
    private TextGeneration(string folder, Device? device) : base(folder, null, "", device) { }

    /// <summary>Loads a model's folder.</summary>
    /// <exception cref="Checkpoints.CheckpointException">The folder is damaged, or holds a model that generates no texts.</exception>
    public static TextGeneration Load(string folder, Device? device = null) => new(folder, device);
}

/// <summary>Shortens texts. <c>Summarization.Load(folder).Run(article)</c></summary>
public sealed class Summarization : TextToText
{
    private Summarization(string folder, string? prefix, Device? device) : base(folder, "summarization", prefix, device) { }

    /// <inheritdoc cref="TextGeneration.Load"/>
    /// <param name="folder">the folder</param>
    /// <param name="prefix">put before each text, such as T5's "summarize: "; null: what the model's configuration says, if it does</param>
    /// <param name="device">where to; none: the CPU</param>
    public static Summarization Load(string folder, string? prefix = null, Device? device = null) => new(folder, prefix, device);
}

/// <summary>Says texts in another language. <c>Translation.Load(folder, "translate English to German: ").Run("Hello")</c></summary>
public sealed class Translation : TextToText
{
    private Translation(string folder, string? prefix, Device? device) : base(folder, "translation", prefix, device) { }

    /// <inheritdoc cref="Summarization.Load"/>
    public static Translation Load(string folder, string? prefix = null, Device? device = null) => new(folder, prefix, device);
}
