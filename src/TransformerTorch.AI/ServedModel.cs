using TorchSharp;
using TransformerTorch.Checkpoints;
using TransformerTorch.Checkpoints.Adapters;
using TransformerTorch.Generation;
using TransformerTorch.Generation.Batching;
using TransformerTorch.Generation.Grammars;
using TransformerTorch.Hub;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Sentences;
using TransformerTorch.Tensors;
using TransformerTorch.Text;
using static TorchSharp.torch;

namespace TransformerTorch.AI;

/// <summary>
/// A loaded model and what serves it: a decoder or an encoder-decoder writes texts, an encoder or a folder of sentence-transformers embeds
/// them. Safe for any number of callers at once.
/// </summary>
public sealed class ServedModel : IAsyncDisposable
{
    private readonly PretrainedModel? _model;
    private int _admitted; // under way or waiting, where there is no engine
    private volatile bool _draining;
    private bool _disposed;

    private ServedModel(ModelOptions options, string folder)
    {
        Places = new(options.MaxSequences);
        (Options, Folder, Tokenizer) = (options, folder, Tokenizer.FromPretrained(ModelFolder.TokenizerFolder(folder)));
        Name = options.ServedName;
        Defaults = GenerationOptions.Read(ModelFolder.Holding(folder, GenerationKeys.FileName), beams: false);
        if (options.MaxOutputTokens > 0) Defaults = Defaults with { MaxNewTokens = options.MaxOutputTokens };
        var load = HowToLoad(options);
        if (IsEmbedder(folder))
        {
            if (options.Adapter.Length > 0)
                throw new CheckpointException($"{folder} embeds texts: give the adapter's folder, {options.Adapter}, as the model");
            Embedder = TextEmbedder.Load(folder, load);
            return;
        }
        var model = options.Adapter.Length > 0 ? AdapterFolder.Load(options.Adapter, load, folder) : ModelFolder.Load(folder, load);
        switch (model)
        {
            case CausalLanguageModel decoder:
                Decoder = decoder;
                Engine = EngineOver(decoder, options, folder);
                Writer = new DecoderWriter(Engine, decoder, Tokenizer);
                Json = new JsonConstraints(() => new TokenTrie(Tokenizer, VocabularySize));
                break;
            case SequenceToSequenceModel both:
                both.eval();
                EncoderDecoder = both;
                Writer = new EncoderDecoderWriter(this, both);
                break;
            default:
                model.Dispose();
                throw new CheckpointException($"{folder} holds a {model.GetType().Name}, which neither chats nor embeds");
        }
        _model = model;
        using (NewDisposeScope()) VocabularySize = (int)((LanguageModel)model).HeadWeight.shape[0];
    }

    /// <summary>How it was to be loaded.</summary>
    public ModelOptions Options { get; }

    /// <summary>What clients call it.</summary>
    public string Name { get; }

    /// <summary>Where its files are.</summary>
    public string Folder { get; }

    /// <summary>Its tokenizer.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>When it was loaded.</summary>
    public DateTimeOffset Loaded { get; } = DateTimeOffset.UtcNow;

    /// <summary>How its options and its folder say texts are to be generated, one at a time: a shared batch has no beams.</summary>
    public GenerationOptions Defaults { get; }

    /// <summary>The model, where it continues texts.</summary>
    public CausalLanguageModel? Decoder { get; }

    /// <summary>Its engine, where it continues texts.</summary>
    public BatchEngine? Engine { get; }

    /// <summary>The model, where it writes what answers the texts that it reads.</summary>
    public SequenceToSequenceModel? EncoderDecoder { get; }

    /// <summary>The most tokens of a text.</summary>
    public int ContextLength => Embedder?.MaximumTokens ?? Writer!.Longest;

    /// <summary>How many tokens the model chooses among, some of them perhaps unknown to the tokenizer.</summary>
    public int VocabularySize { get; }

    /// <summary>The embedder, where it embeds texts.</summary>
    public TextEmbedder? Embedder { get; }

    /// <summary>Where there is no engine, one computes at a time: each uses all processors.</summary>
    internal SemaphoreSlim Turn { get; } = new(1);

    /// <summary>Where there is no engine, so many texts are written at once: each holds keys and values.</summary>
    internal SemaphoreSlim Places { get; }

    internal ITextWriter? Writer { get; }

    internal JsonConstraints? Json { get; }

    /// <summary>Loads a model; its files are downloaded first where they are the hub's.</summary>
    /// <exception cref="CheckpointException">Something is missing, damaged, or of a kind that is not served.</exception>
    /// <exception cref="HubException">There is no such model.</exception>
    public static async Task<ServedModel> LoadAsync(ModelOptions options, CancellationToken cancellation = default)
    {
        var folder = await ModelHub.Folder(options.Model, cancellation: cancellation).ConfigureAwait(false);
        return await Task.Run(() => new ServedModel(options, folder), cancellation).ConfigureAwait(false);
    }

    /// <inheritdoc cref="LoadAsync(ModelOptions, CancellationToken)"/>
    public static Task<ServedModel> LoadAsync(string model, CancellationToken cancellation = default)
        => LoadAsync(new ModelOptions { Model = model }, cancellation);

    /// <summary>The texts' vectors and how many tokens were read; cancellation takes effect between batches.</summary>
    /// <exception cref="NotSupportedException">The model does not embed texts.</exception>
    /// <exception cref="ArgumentException">More dimensions are asked for than there are.</exception>
    /// <exception cref="EngineBusyException">Too many are waiting.</exception>
    /// <exception cref="ObjectDisposedException">The model is gone.</exception>
    public async Task<(float[][] Vectors, int Tokens)> EmbedAsync(
        IReadOnlyList<string> texts, int? dimensions = null, CancellationToken cancellation = default)
    {
        if (Embedder is not { } embedder) throw new NotSupportedException($"the model '{Name}' writes texts and does not embed any");
        if (dimensions < 1 || dimensions > embedder.Dimensions)
            throw new ArgumentException($"{dimensions} dimensions are asked for, the model has {embedder.Dimensions}");
        using var admitted = Admit();
        var settings = new EmbeddingSettings { Dimensions = dimensions };
        return await InTurnAsync(() => embedder.EmbedCounted(texts, settings, cancellation), cancellation).ConfigureAwait(false);
    }

    /// <summary>Takes a request on, until disposed.</summary>
    /// <exception cref="EngineBusyException">Too many are waiting.</exception>
    /// <exception cref="ObjectDisposedException">No more are taken.</exception>
    internal IDisposable Admit()
    {
        ObjectDisposedException.ThrowIf(_draining, this);
        var admitted = new Admitted(this);
        var together = EncoderDecoder is null ? 1 : Options.MaxSequences;
        if (Interlocked.Increment(ref _admitted) <= Options.MaxWaiting + together) return admitted;
        admitted.Dispose();
        throw new EngineBusyException(Options.MaxWaiting);
    }

    /// <summary>Computes when it is its turn.</summary>
    /// <exception cref="ObjectDisposedException">The model is gone.</exception>
    internal async Task<T> InTurnAsync<T>(Func<T> work, CancellationToken cancellation)
    {
        await Turn.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return await Task.Run(work, cancellation).ConfigureAwait(false);
        }
        finally
        {
            Turn.Release();
        }
    }

    /// <summary>Answers what it has taken on, for as long as its options allow, and takes no more.</summary>
    public async Task DrainAsync()
    {
        _draining = true;
        await Task.WhenAny(Engine?.Drain() ?? Answered(), Task.Delay(Options.DrainTimeout)).ConfigureAwait(false);

        async Task Answered()
        {
            while (Volatile.Read(ref _admitted) > 0 && !_disposed) await Task.Delay(10).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Engine is not null) await Engine.DisposeAsync().ConfigureAwait(false);
        await Turn.WaitAsync().ConfigureAwait(false);
        if (!_disposed) _model?.Dispose();
        if (!_disposed) Embedder?.Dispose();
        _disposed = true; // who comes after is refused
        Turn.Release();
    }

    private sealed class Admitted(ServedModel model) : IDisposable
    {
        public void Dispose() => Interlocked.Decrement(ref model._admitted);
    }

    private static bool IsEmbedder(string folder)
    {
        var model = AdapterFolder.IsOne(folder) ? AdapterFolder.Base(folder) : folder;
        return File.Exists(Path.Combine(folder, "modules.json"))
            || ModelConfig.Read(Path.Combine(model, "config.json")) is { Encoder: not null, Decoder: null };
    }

    private static BatchEngine EngineOver(CausalLanguageModel decoder, ModelOptions options, string folder)
    {
        try
        {
            return new BatchEngine(decoder, new BatchOptions
            {
                MaxSequences = options.MaxSequences, MaxWaiting = options.MaxWaiting, PrefillTokens = options.PrefillTokens,
                CachedTokens = options.CachedTokens,
            });
        }
        catch (ArgumentException e)
        {
            var remedy = decoder.Config.IsCausal ? "" : "; with the modules.json of sentence-transformers beside it, it embeds";
            decoder.Dispose();
            throw new CheckpointException($"{folder} cannot be served: {e.Message}{remedy}", e);
        }
    }

    private static LoadOptions HowToLoad(ModelOptions options)
    {
        var load = new LoadOptions { Device = Devices.Parse(options.Device) };
        return options.Type switch
        {
            "bfloat16" => load with { Type = ScalarType.BFloat16 },
            "float16" => load with { Type = ScalarType.Float16 },
            "" => load with { Type = null },
            "float32" => load,
            _ => load with { Quantize = Quantization.Parse(options.Type) },
        };
    }
}
