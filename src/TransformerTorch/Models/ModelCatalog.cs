using System.Text.Json.Nodes;
using TransformerTorch.Models.Families;

namespace TransformerTorch.Models;

/// <summary>A family of models: how its published configuration is read, and what it calls its weights.</summary>
public interface IModelFamily
{
    /// <summary><c>model_type</c> in its config.json.</summary>
    string ModelType { get; }

    /// <summary>Resolves its published keys.</summary>
    /// <exception cref="ModelConfigException">Values that are missing, wrong or contradictory.</exception>
    ModelConfig Resolve(ConfigKeys keys, JsonObject published);

    /// <summary>Published names of a model's weights.</summary>
    WeightNames Names(ModelConfig config);

    /// <summary>The published class of a task ("BertForMaskedLM").</summary>
    string ClassName(ModelTask task) => string.Concat(ModelType.Split('-', '_').Select(p => char.ToUpperInvariant(p[0]) + p[1..]))
        + Architecture.Ending(task);
}

/// <summary>The families known, by <c>model_type</c>.</summary>
public static class ModelCatalog
{
    private static readonly Dictionary<string, IModelFamily> s_families = new IModelFamily[]
    {
        new Bert(), new Roberta(), new Roberta("xlm-roberta"), new Roberta("camembert"), new DistilBert(), new Electra(),
        new DebertaV2(), new ModernBert(), new Esm(), new MpNet(),
        new Gpt1(), new Gpt2(), new GptNeoX(), new Opt(), new Bloom(),
        new Llama(), new Mistral(), new Mixtral(), Qwen.Second, Qwen.Third, Gemma.First, Gemma.Second, Gemma.Third, new Phi(), new Phi3(),
        new SmolLm3(), new StarCoder2(),
        new T5(), new T5("mt5"), new T5("umt5"),
        new Bart("bart"), new Bart("mbart"), new Bart("pegasus"), new Bart("marian"), new Bart("transformer"),
    }.ToDictionary(f => f.ModelType);

    /// <summary>The names known.</summary>
    public static IEnumerable<string> Names => s_families.Keys;

    /// <summary>Adds a family of one's own.</summary>
    public static void Add(IModelFamily family) => s_families.Add(family.ModelType, family);

    /// <summary>The family of that name.</summary>
    /// <exception cref="ModelConfigException">There is none.</exception>
    public static IModelFamily Family(string modelType) => s_families.TryGetValue(modelType, out var family) ? family
        : throw new ModelConfigException($"unknown model_type '{modelType}': one of {string.Join(", ", Names.Order())}");
}
