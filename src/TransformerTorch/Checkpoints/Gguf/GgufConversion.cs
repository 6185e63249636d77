using System.Text.Json.Nodes;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>A published model's folder to a GGUF file, which llama.cpp reads, and back.</summary>
public static class GgufConversion
{
    private static readonly (string Published, string Gguf)[] s_tokens =
        [("bos_token_id", "bos_token_id"), ("eos_token_id", "eos_token_id"), ("pad_token_id", "padding_token_id")];

    /// <summary>Writes a file. Vectors and position tables stay in float32, as llama.cpp wants them.</summary>
    /// <param name="folder">the published model</param>
    /// <param name="path">the file</param>
    /// <param name="type">of matrices; those whose rows are no whole blocks stay in float16 where it is a quantized one</param>
    /// <param name="written">told of each tensor before it is written</param>
    /// <returns>how many tensors there are</returns>
    /// <exception cref="CheckpointException">The model or a part of it has no place in GGUF.</exception>
    public static int Write(string folder, string path, GgufType type, Action<GgufTensor>? written = null)
    {
        using var model = ModelFolder.Load(folder, new LoadOptions { Type = null, Mapped = true });
        var config = model.Config;
        var family = GgufFamily.OfModel(config.ModelType);
        if (config.Task != ModelTask.CausalLanguageModel)
            throw new CheckpointException($"{folder}: GGUF is written of models that continue texts; this is one for {config.Task}");
        var metadata = new Dictionary<string, object> { ["general.architecture"] = family.Architecture, ["general.alignment"] = 32u };
        foreach (var (key, value) in family.Metadata(config)) metadata[$"{family.Architecture}.{key}"] = value;
        metadata[$"{family.Architecture}.vocab_size"] = (uint)config.VocabularySize;
        foreach (var (key, value) in GgufTokenizer.Metadata(folder, config.VocabularySize)) metadata[key] = value;
        foreach (var (published, gguf) in s_tokens)
            if (First(config.Published[published]) is { } id) metadata.TryAdd($"tokenizer.ggml.{gguf}", (uint)id);
        metadata["general.file_type"] = type switch { GgufType.F32 => 0u, GgufType.F16 => 1u, GgufType.Q8 => 7u, _ => 32u };

        var tensors = new List<(GgufTensor, Func<Tensor>)>();
        foreach (var (name, tensor) in WeightLoader.Published(model, model.Names))
        {
            var gguf = family.Gguf(name) ?? throw new CheckpointException($"{name} has no place in GGUF's {family.Architecture}");
            using var scope = NewDisposeScope();
            var shape = family.ToGguf(gguf, tensor(), config).shape;
            GgufTensor? about = null;
            about = new(gguf, TypeOf(gguf, shape, type), shape, Begin: 0);
            tensors.Add((about, () =>
            {
                written?.Invoke(about);
                return family.ToGguf(gguf, tensor(), config);
            }));
        }
        var tables = family.Tables(config).ToDictionary(t => t.Name, t => t.Numbers);
        foreach (var (name, numbers) in tables) tensors.Add((new(name, GgufType.F32, [numbers.Length], 0), () => tensor(numbers)));
        var shapes = tensors.ToDictionary(t => t.Item1.Name, t => t.Item1.Shape);
        Check(folder, config, family, new GgufContents(metadata, shapes, name => tables[name]));
        GgufWriter.Write(path, metadata, tensors);
        return tensors.Count;
    }

    /// <summary>Writes a file's model as a published folder: config.json, weights, tokenizer.json where it has one that is known.</summary>
    /// <param name="path">the file</param>
    /// <param name="folder">made if it is not there</param>
    /// <param name="type">of the weights</param>
    /// <param name="mostShardBytes">of a weights file</param>
    /// <returns>how many tensors there are</returns>
    /// <exception cref="CheckpointException">The file is damaged, or of a model that is not read.</exception>
    public static int Read(
        string path, string folder, ScalarType type = ScalarType.Float32, long mostShardBytes = WeightFiles.UsualShardBytes)
    {
        using var file = new GgufFile(path);
        var family = GgufFamily.OfFile(file.Metadata.GetValueOrDefault("general.architecture"));
        if (!file.Tensors.ContainsKey("token_embd.weight")) throw new CheckpointException($"{path}: no token_embd.weight");
        var keys = family.Config(new GgufContents(file.Metadata, file.Tensors.ToDictionary(t => t.Key, t => t.Value.Shape), Numbers));
        foreach (var (published, gguf) in s_tokens)
            if (file.Metadata.GetValueOrDefault($"tokenizer.ggml.{gguf}") is uint id) keys[published] = id;
        PublishedType.Set(keys, type, always: true);
        var config = Resolved(keys, path);
        List<TensorToWrite> tensors = [.. file.Tensors.Keys.Where(n => !family.IsTable(n)).Order(StringComparer.Ordinal).Select(name =>
        {
            var published = family.Published(name) ?? throw new CheckpointException($"{path}: {name} is no part of a {family.ModelType}");
            long[] shape = file.Tensors[name].Shape;
            using (NewDisposeScope()) shape = family.ToPublished(name, empty(shape, ScalarType.Float32, META), config).shape;
            return new TensorToWrite(published, ElementType.Of(type), shape, () => family.ToPublished(name, file.Read(name), config));
        })];
        Directory.CreateDirectory(folder);
        if (GgufTokenizer.Json(file.Metadata) is { } tokenizer) WriteJson("tokenizer.json", tokenizer);
        WriteJson("config.json", keys);
        WeightFiles.Write(folder, tensors, mostShardBytes);
        return tensors.Count;

        float[] Numbers(string name)
        {
            using var scope = NewDisposeScope();
            return file.Read(name).data<float>().ToArray();
        }

        void WriteJson(string name, JsonObject json)
            => AtomicFile.WriteText(Path.Combine(folder, name), json.ToJsonString(ModelFolder.Indented) + "\n");
    }

    /// <summary>Holds a model against the one that a file's words mean: what differs, the file cannot say.</summary>
    private static void Check(string folder, ModelConfig config, GgufFamily family, GgufContents file)
    {
        var back = Resolved(GgufFamily.OfFile(family.Architecture).Config(file), folder); // Mistral's is read as LLaMA
        var lost = OptionDifferences.Between(config.Main, back.Main, IsIgnored)
            .Concat(OptionDifferences.Between(config.Head, back.Head, IsIgnored, "Head"))
            .Select(d => $"{d.Path[(d.Path.LastIndexOf(']') + 1)..].TrimStart('.')} is {d.First}, and would be read as {d.Second}")
            .Distinct().Concat(family.Unread(config, file.Shapes.Keys)).ToList();
        if (lost.Count > 0)
            throw new CheckpointException($"{folder}: GGUF's {family.Architecture} cannot say all of this model: "
                + string.Join(", ", lost));

        // Of training and of padding files for inference say nothing. Whether attention caps its scores is for its kernel to know.
        static bool IsIgnored(string path) => path.EndsWith("Dropout", StringComparison.Ordinal)
            || path.EndsWith("PaddingToken", StringComparison.Ordinal) || path.EndsWith("Attention.SoftCap", StringComparison.Ordinal);
    }

    // As read from a file: a value of JSON's that was made from a long gives no int.
    private static ModelConfig Resolved(JsonObject keys, string where)
        => ModelConfig.FromKeys(JsonNode.Parse(keys.ToJsonString())!.AsObject(), where);

    private static int? First(JsonNode? id) => id switch
    {
        JsonValue one => one.GetValue<int>(),
        JsonArray { Count: > 0 } several => several[0]!.GetValue<int>(),
        _ => null,
    };

    private static GgufType TypeOf(string name, long[] shape, GgufType wanted)
    {
        if (shape.Length < 2 || name.StartsWith("position_embd", StringComparison.Ordinal)) return GgufType.F32;
        return shape[^1] % QuantizedBlocks.Size(wanted) != 0 ? GgufType.F16 : wanted;
    }
}
