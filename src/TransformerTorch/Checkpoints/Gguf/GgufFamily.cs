using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>What a file holds, as far as a configuration goes.</summary>
/// <param name="Metadata">its keys</param>
/// <param name="Shapes">its tensors' names and dimensions</param>
/// <param name="Numbers">the values of one</param>
internal sealed record GgufContents(
    IReadOnlyDictionary<string, object> Metadata, IReadOnlyDictionary<string, long[]> Shapes, Func<string, float[]> Numbers);

/// <summary>
/// How a family's configuration and weights are called in GGUF (llama.cpp's gguf-py/gguf/constants.py). A model is written only if what
/// the file says of it means the same model when read again.
/// </summary>
internal abstract partial class GgufFamily
{
    private static readonly GgufFamily[] s_all =
    [
        new GgufGpt2(), new GgufLlama("llama"), new GgufLlama("mistral", "llama"), new GgufLlama("qwen2"), new GgufLlama("qwen3"),
        new GgufPhi3(), new GgufGemma(1), new GgufGemma(2), new GgufGemma(3),
    ];

    /// <summary><c>model_type</c></summary>
    public abstract string ModelType { get; }

    /// <summary><c>general.architecture</c></summary>
    public virtual string Architecture => ModelType;

    /// <summary>
    /// A configuration's keys, what GGUF calls them after the architecture's name, and what they are where a file does not tell; 0: not
    /// said.
    /// </summary>
    protected abstract (string Published, string Gguf, object Otherwise)[] Keys { get; }

    /// <summary>Modules' published names with GGUF's, <c>*</c> standing for the layer.</summary>
    protected abstract (string Published, string Gguf)[] Modules { get; }

    /// <summary>The family of a published configuration.</summary>
    /// <exception cref="CheckpointException">GGUF is not written for it.</exception>
    public static GgufFamily OfModel(string modelType) => Array.Find(s_all, f => f.ModelType == modelType)
        ?? throw new CheckpointException($"GGUF is not written for {modelType}: for {Known(f => f.ModelType)}");

    /// <summary>The family of a file.</summary>
    /// <exception cref="CheckpointException">It is not read.</exception>
    public static GgufFamily OfFile(object? architecture) => Array.Find(s_all, f => f.Architecture.Equals(architecture))
        ?? throw new CheckpointException($"GGUF of {architecture} is not read: of {Known(f => f.Architecture)}");

    private static string Known(Func<GgufFamily, string> name) => string.Join(", ", s_all.Select(name).Distinct());

    /// <summary>What GGUF says of a model, after the architecture's name.</summary>
    public abstract IEnumerable<(string Key, object Value)> Metadata(ModelConfig config);

    /// <summary>What of a model llama.cpp has no place for, though the keys and tensors could say it.</summary>
    /// <param name="config">the model's</param>
    /// <param name="gguf">its tensors' names in GGUF</param>
    public virtual IEnumerable<string> Unread(ModelConfig config, IEnumerable<string> gguf) => [];

    /// <summary>Tensors that say something of the configuration.</summary>
    public virtual IEnumerable<(string Name, float[] Numbers)> Tables(ModelConfig config) => [];

    /// <summary>Whether a tensor of a file is such a table.</summary>
    public virtual bool IsTable(string gguf) => false;

    /// <summary>The published configuration of a file.</summary>
    public virtual JsonObject Config(GgufContents file)
    {
        var config = new JsonObject
        {
            ["model_type"] = ModelType, ["vocab_size"] = file.Shapes["token_embd.weight"][0],
            ["tie_word_embeddings"] = !file.Shapes.ContainsKey("output.weight"),
        };
        foreach (var (published, gguf, otherwise) in Keys)
        {
            var value = Value(file, gguf) ?? otherwise;
            if (value is 0u or 0f) continue;
            config[published] = otherwise is uint ? (JsonNode)Convert.ToInt64(value, CultureInfo.InvariantCulture) : Number(value);
        }
        return config;
    }

    /// <summary>What a file says under a key of its architecture; null: nothing.</summary>
    protected object? Value(GgufContents file, string key) => file.Metadata.GetValueOrDefault($"{Architecture}.{key}");

    /// <summary>A float through its shortest spelling: 1e-5, not the number next to it.</summary>
    protected static double Number(object value)
        => double.Parse(Convert.ToSingle(value, CultureInfo.InvariantCulture).ToString("R", CultureInfo.InvariantCulture),
            CultureInfo.InvariantCulture);

    /// <summary>A published tensor's name in GGUF; null: it has no place there.</summary>
    public string? Gguf(string published) => Renamed(published, Modules);

    /// <summary>The published name of a tensor in GGUF; null: none.</summary>
    public string? Published(string gguf) => Renamed(gguf, Modules.Select(m => (m.Gguf, m.Published)));

    /// <summary>A published tensor as GGUF has it.</summary>
    public virtual Tensor ToGguf(string gguf, Tensor tensor, ModelConfig config) => tensor;

    /// <summary>A tensor of GGUF's as it is published.</summary>
    public virtual Tensor ToPublished(string gguf, Tensor tensor, ModelConfig config) => tensor;

    private static string? Renamed(string name, IEnumerable<(string From, string To)> modules)
    {
        var dot = name.LastIndexOf('.');
        var (module, kind) = (name[..Math.Max(dot, 0)], name[(dot + 1)..]);
        var index = Index().Match(module).Groups["index"].Value;
        var starred = Index().Replace(module, ".*.", 1);
        var renamed = modules.Where(m => m.From == starred).Select(m => m.To).FirstOrDefault();
        return renamed is null ? null : $"{renamed.Replace("*", index, StringComparison.Ordinal)}.{kind}";
    }

    [GeneratedRegex(@"\.(?<index>\d+)\.")]
    private static partial Regex Index();
}
