using System.Text.Json;
using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints.Adapters;
using TransformerTorch.Hub;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>
/// A model's folder in the published layout: <c>config.json</c>, <c>model.safetensors</c>, <c>generation_config.json</c>.
/// </summary>
public static class ModelFolder
{
    private const string Config = "config.json";
    internal static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Loads a model in float32, in evaluation mode.</summary>
    /// <param name="folder">the folder</param>
    /// <param name="device">where to put it; none: the CPU</param>
    /// <inheritdoc cref="Load(string, LoadOptions)"/>
    public static PretrainedModel Load(string folder, Device? device = null)
        => Load(folder, new LoadOptions { Device = device ?? CPU });

    /// <summary>Loads a model by its name on the hub, or from a folder.</summary>
    /// <param name="nameOrFolder">"org/name", downloaded unless it is in the cache; or a folder</param>
    /// <param name="options">type, device; null: float32 on the CPU</param>
    /// <param name="revision">a branch, a tag or a commit of the hub's; null: "main"</param>
    /// <param name="progress">told how far downloads are</param>
    /// <param name="cancellation">stops a download; a later call goes on from it</param>
    /// <exception cref="HubException">There is no such model, or it cannot be had.</exception>
    /// <inheritdoc cref="Load(string, LoadOptions)"/>
    public static async Task<PretrainedModel> FromPretrained(string nameOrFolder, LoadOptions? options = null, string? revision = null,
        IProgress<HubProgress>? progress = null, CancellationToken cancellation = default)
    {
        var folder = await ModelHub.Folder(nameOrFolder, revision, null, progress, cancellation).ConfigureAwait(false);
        return Load(folder, options ?? new LoadOptions());
    }

    /// <summary>Loads a model of a kind, in evaluation mode.</summary>
    /// <exception cref="CheckpointException">It is of another kind, or as for <see cref="Load(string, Device?)"/>.</exception>
    public static T Load<T>(string folder, Device? device = null) where T : PretrainedModel
        => Load<T>(folder, new LoadOptions { Device = device ?? CPU });

    /// <inheritdoc cref="Load{T}(string, Device?)"/>
    public static T Load<T>(string folder, LoadOptions options) where T : PretrainedModel
    {
        var model = Load(folder, options);
        if (model is T wanted) return wanted;
        model.Dispose();
        throw new CheckpointException($"{folder} holds a {model.GetType().Name}, where a {typeof(T).Name} is needed");
    }

    /// <summary>Loads a model, in evaluation mode; from an adapter's folder, the model it was made on with its updates.</summary>
    /// <param name="folder">the folder</param>
    /// <param name="options">type, device</param>
    /// <exception cref="ModelConfigException">The configuration is unknown or wrong.</exception>
    /// <exception cref="CheckpointException">The weights are damaged or do not fit; nothing is loaded then.</exception>
    public static PretrainedModel Load(string folder, LoadOptions options)
    {
        if (AdapterFolder.IsOne(folder)) return AdapterFolder.Load(folder, options);
        if (!File.Exists(Path.Combine(folder, Config))) throw new CheckpointException($"{folder}: no {Config}");
        var config = ModelConfig.Read(Path.Combine(folder, Config), options.Bare) with { Generation = ReadGeneration(folder) };
        using var source = WeightSource.Open(folder);
        var model = Build(config, options.Type ?? source.CommonType, options.Device);
        try
        {
            if (HasOwnHead(model, source))
            {
                model.Dispose();
                model = Build(config with { Head = config.Head! with { Tied = false } }, options.Type ?? source.CommonType, options.Device);
            }
            WeightLoader.Load(model, model.Names, source, folder, options.Mapped, options.Bare);
            model.eval();
            model.to(options.Device);
            if (options.Quantize is { } bits) model.Quantize(bits);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The folder of a model as users name it: a folder, or org/name on the hub, downloaded unless it is in the cache.</summary>
    /// <exception cref="CheckpointException">It cannot be had.</exception>
    public static string Find(string nameOrFolder)
    {
        try
        {
            return ModelHub.Folder(nameOrFolder).GetAwaiter().GetResult();
        }
        catch (HubException e)
        {
            throw new CheckpointException($"{nameOrFolder}: {e.Message}", e);
        }
    }

    /// <summary>The folder with the tokenizer of a model's folder: it itself, or for an adapter without one that of its model.</summary>
    public static string TokenizerFolder(string folder) => Holding(folder, "tokenizer.json");

    /// <summary>The folder with a file of a model's folder: it itself, or for an adapter without it that of its model.</summary>
    public static string Holding(string folder, string file)
        => AdapterFolder.IsOne(folder) && !File.Exists(Path.Combine(folder, file)) ? AdapterFolder.Base(folder) : folder;

    /// <summary>A model that is ready to be loaded: without memory for its weights.</summary>
    public static PretrainedModel Build(ModelConfig config, ScalarType type, Device device)
    {
        using var pending = Weights.Pending(type, device);
        return PretrainedModel.Create(config);
    }

    /// <summary>
    /// Saves a model in its published layout; each file is written beside the old one and renamed over it, the weights last.
    /// </summary>
    /// <param name="model">the model</param>
    /// <param name="folder">where; made if it is not there</param>
    /// <param name="mostShardBytes">of a weights file; more come in shards</param>
    /// <exception cref="IOException">The disk is full or cannot be written.</exception>
    public static void Save(PretrainedModel model, string folder, long mostShardBytes = WeightFiles.UsualShardBytes)
    {
        if (model.IsQuantized) throw new InvalidOperationException("a quantized model cannot be saved: its weights are gone");
        SaveConfiguration(model, folder);
        var tensors = WeightLoader.Published(model, model.Names).Select(t => TensorToWrite.Of(t.Name, t.Tensor));
        WeightFiles.Write(folder, [.. tensors], mostShardBytes);
    }

    /// <summary>Saves all but the weights.</summary>
    public static void SaveConfiguration(PretrainedModel model, string folder)
    {
        Directory.CreateDirectory(folder);
        var (published, generation) = ((JsonObject)model.Config.Published.DeepClone(), model.Config.Generation);
        PublishedType.Set(published, model.parameters().First().dtype);
        WriteJson(Path.Combine(folder, Config), published);
        WriteJson(Path.Combine(folder, GenerationKeys.FileName), generation ?? GenerationDefaults(published));
    }

    /// <summary>
    /// Whether the checkpoint holds a head that is not the token table after all: then it is not tied, whatever the configuration says.
    /// </summary>
    private static bool HasOwnHead(PretrainedModel model, WeightSource source)
    {
        const string weight = "head.output.weight";
        if (model.Config.Head is not { Tied: true } head) return false;
        var names = ModelCatalog.Family(model.Config.ModelType).Names(model.Config with { Head = head with { Tied = false } });
        if (!names.Covers(weight) || Find(weight) is not { } own) return false;
        var ours = model.named_parameters().First(p => p.parameter.Handle == model.Backbone.TokenWeight.Handle).name;
        if (Find(ours) is not { } table) return false;
        using var scope = NewDisposeScope();
        var (rows, tokens) = (source.FileOf(own).Read(own), source.FileOf(table).Read(table));
        return !rows.shape.SequenceEqual(tokens.shape) || rows.ne(tokens).any().item<bool>();

        string? Find(string name) => WeightLoader.Find(names.Parts(name).Single().Name, names, source);
    }

    private static JsonObject GenerationDefaults(JsonObject published)
    {
        var result = GenerationKeys.Of(published);
        result.Insert(0, "_from_model_config", true);
        return result;
    }

    private static JsonObject? ReadGeneration(string folder)
    {
        var path = Path.Combine(folder, GenerationKeys.FileName);
        try
        {
            return File.Exists(path) ? GenerationKeys.Read(folder) : null;
        }
        catch (JsonException e)
        {
            throw new CheckpointException(JsonErrors.Describe(path, e), e);
        }
    }

    private static void WriteJson(string path, JsonObject json) => AtomicFile.WriteText(path, json.ToJsonString(Indented) + "\n");
}
