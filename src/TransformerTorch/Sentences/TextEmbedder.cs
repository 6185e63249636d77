using TorchSharp;
using TransformerTorch.Checkpoints;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Text;
using static TorchSharp.torch;

namespace TransformerTorch.Sentences;

/// <summary>How texts are embedded.</summary>
public sealed record EmbeddingSettings
{
    /// <summary>Tokens, padding included, that go through the model together; texts are sorted by length first.</summary>
    public int BatchTokens { get; init; } = 4096;

    /// <summary>Only the first so many features, given the length 1 again; null: all.</summary>
    public int? Dimensions { get; init; }

    /// <summary>Put before each text: the name of one of the folder's prompts, null for its usual one.</summary>
    public string? Prompt { get; init; }

    /// <summary>Whether vectors are given the length 1 where the folder does not do so itself.</summary>
    public bool Normalize { get; init; }
}

/// <summary>
/// Texts to vectors (Reimers and Gurevych, 2019): a model's folder with what sentence-transformers put beside it (<c>modules.json</c>:
/// transformer, pooling, projections, normalisation), or a plain model's, which is pooled by the mean.
/// </summary>
public sealed class TextEmbedder : IDisposable
{
    private readonly PretrainedModel _model;
    private readonly Tokenizer _tokenizer;
    private readonly IReadOnlyList<Pooling> _poolings;
    private readonly IReadOnlyList<(nn.Module? Owner, Func<Tensor, Tensor> Apply)> _steps;
    private readonly IReadOnlyDictionary<string, string> _prompts;
    private readonly string? _usualPrompt;
    private readonly bool _lowers, _poolsPrompts = true;

    private TextEmbedder(string folder, LoadOptions options)
    {
        var modules = File.Exists(Path.Combine(folder, "modules.json")) ? SentenceModules.List(folder)
            : [("Transformer", folder)];
        if (modules is not [("Transformer", var inner), ..])
            throw new CheckpointException($"{folder}: modules.json does not begin with a transformer");
        _poolings = [Pooling.Mean];
        if (modules.FirstOrDefault(m => m.Kind == "Pooling").Folder is { } pooling)
        {
            var path = Path.Combine(pooling, "config.json");
            var modes = SentenceModules.Settings(path);
            (_poolings, _poolsPrompts) = (PoolingModes.Read(modes, path), $"{modes["include_prompt"]}" != "false");
        }
        _steps = [.. modules.Skip(1).Where(m => m.Kind != "Pooling").Select(m => Step(m.Kind, m.Folder, options.Device))];
        _tokenizer = Tokenizer.FromPretrained(ModelFolder.TokenizerFolder(inner));
        _model = ModelFolder.Load(inner, options with { Bare = true });
        var settings = SentenceModules.OfTransformer(inner);
        var most = new[] { (int?)settings["max_seq_length"], _tokenizer.ModelMaxLength, _model.Config.ContextLength }.Min();
        MaximumTokens = most!.Value;
        _lowers = $"{settings["do_lower_case"]}" == "true";
        _tokenizer.Truncation = new Truncation(MaximumTokens);
        _tokenizer.Padding = null; // batches are filled up here, after sorting
        Dimensions = MeasureDimensions();
        var about = SentenceModules.Settings(Path.Combine(folder, "config_sentence_transformers.json"));
        _prompts = about["prompts"]?.AsObject().ToDictionary(p => p.Key, p => $"{p.Value}") ?? [];
        _usualPrompt = about["default_prompt_name"]?.GetValue<string>();
    }

    /// <summary>The most tokens that are read of a text, special ones included; what follows is cut off.</summary>
    public int MaximumTokens { get; }

    /// <summary>The transformer in it.</summary>
    public PretrainedModel Model => _model;

    /// <summary>C, how long a vector is.</summary>
    public int Dimensions { get; }

    /// <summary>Loads a folder.</summary>
    /// <param name="folder">with a tokenizer and a model</param>
    /// <param name="device">where to; none: the CPU</param>
    /// <exception cref="CheckpointException">Something is missing, damaged, or of a kind that is not known.</exception>
    public static TextEmbedder Load(string folder, Device? device = null) => Load(folder, new LoadOptions { Device = device ?? CPU });

    /// <inheritdoc cref="Load(string, Device?)"/>
    /// <param name="folder">with a tokenizer and a model</param>
    /// <param name="options">how the transformer is loaded; what follows it computes in float32</param>
    public static TextEmbedder Load(string folder, LoadOptions options) => new(folder, options);

    /// <summary>One vector.</summary>
    public float[] Embed(string text, EmbeddingSettings? settings = null) => Embed([text], settings)[0];

    /// <summary>A vector for each text, in their order.</summary>
    /// <exception cref="ArgumentException">The prompt is none of the folder's.</exception>
    public float[][] Embed(IReadOnlyList<string> texts, EmbeddingSettings? settings = null) => EmbedCounted(texts, settings).Vectors;

    /// <summary>So too, with how many tokens were read; cancellation takes effect between batches.</summary>
    /// <exception cref="ArgumentException">The prompt is none of the folder's.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public (float[][] Vectors, int Tokens) EmbedCounted(
        IReadOnlyList<string> texts, EmbeddingSettings? settings = null, CancellationToken cancellation = default)
    {
        settings ??= new EmbeddingSettings();
        var prompt = Prompt(settings.Prompt ?? _usualPrompt);
        var encodings = _tokenizer.EncodeBatch([.. texts.Select(t => AsRead(prompt + t))]);
        var (vectors, first) = (new float[texts.Count][], _poolsPrompts ? 0 : PromptTokens(prompt));
        using var _ = no_grad();
        foreach (var batch in EncodedBatch.Split(encodings, settings.BatchTokens))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var inputs = EncodedBatch.Inputs(_model, [.. batch.Select(i => encodings[i])]);
            var embedded = Vectors(inputs, settings, first).to(ScalarType.Float32).cpu();
            for (var row = 0; row < batch.Length; row++) vectors[batch[row]] = embedded[row].data<float>().ToArray();
        }
        return (vectors, encodings.Sum(e => e.Count));
    }

    private Tensor Vectors(ModelInputs inputs, EmbeddingSettings settings, int first)
    {
        var x = Vectors(inputs, settings.Normalize, first);
        return settings.Dimensions is { } count && count < x.shape[1] ? nn.functional.normalize(x.narrow(1, 0, count), 2, 1, 1e-12) : x;
    }

    /// <summary>The vectors (B, C) of a batch of ids, differentiable.</summary>
    /// <param name="inputs">the ids</param>
    /// <param name="normalize">whether they are given the length 1</param>
    /// <param name="first">the first token that is pooled</param>
    public Tensor Vectors(ModelInputs inputs, bool normalize = false, int first = 0)
    {
        using var scope = NewDisposeScope();
        var (ids, mask) = (inputs.Ids, inputs.Mask);
        if (first > 0) mask = (mask ?? ones_like(ids)) * arange(ids.shape[1], device: ids.device).ge(first);
        var hidden = EncodedBatch.Hidden(_model, inputs).to(ScalarType.Float32); // (B, T, C)
        var x = cat([.. _poolings.Select(p => Pooled.Of(hidden, p, ids, mask))], -1);
        foreach (var (_, apply) in _steps) x = apply(x);
        return (normalize ? nn.functional.normalize(x, 2, 1, 1e-12) : x).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _model.Dispose();
        foreach (var (owner, _) in _steps) owner?.Dispose();
    }

    // As the reference does before its tokenizer sees a text.
    private string AsRead(string text) => _lowers ? text.Trim().ToLowerInvariant() : text.Trim();

    // Alone, without the special token behind it, as the reference counts.
    private int PromptTokens(string prompt)
    {
        if (prompt == "") return 0;
        var alone = _tokenizer.Encode(AsRead(prompt));
        return alone.Count - (alone.SpecialTokensMask is [.., 1] ? 1 : 0);
    }

    // Projections are only known by what they give.
    private int MeasureDimensions()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var id = tensor(new[] { (long)(_model.Config.EndTokens is [var end, ..] ? end : 0) }, device: _model.Backbone.TokenWeight.device);
        return (int)Vectors(new ModelInputs { Ids = id.unsqueeze(0) }).shape[1];
    }

    private static (nn.Module? Owner, Func<Tensor, Tensor> Apply) Step(string kind, string folder, Device device)
    {
        if (kind == "Normalize") return (null, x => nn.functional.normalize(x, 2, 1, 1e-12));
        if (kind != "Dense") throw new CheckpointException($"{folder}: a module {kind}, expected Pooling, Dense or Normalize");
        var (projection, activation) = SentenceModules.Dense(folder);
        projection.to(device);
        return (projection, x => activation(projection.call(x)));
    }

    private string Prompt(string? name) => name is null ? "" : _prompts.TryGetValue(name, out var prompt) ? prompt
        : throw new ArgumentException($"no prompt '{name}' here, but {string.Join(", ", _prompts.Keys.DefaultIfEmpty("none at all"))}");
}
