using System.ComponentModel.DataAnnotations;

namespace TransformerTorch.AI;

/// <summary>A model to serve, as a section of configuration says.</summary>
public sealed class ModelOptions
{
    /// <summary>The model's folder, or org/name on the hub.</summary>
    [Required(ErrorMessage = "Model is missing: a folder, or org/name on the hub")]
    public string Model { get; set; } = "";

    /// <summary>
    /// The folder of an adapter (LoRA, in PEFT's layout) that changes the model; empty: none. An adapter's folder may also be the model.
    /// </summary>
    public string Adapter { get; set; } = "";

    /// <summary>What clients call it; empty: the folder's name.</summary>
    public string Name { get; set; } = "";

    /// <summary>What clients call it, by these options.</summary>
    public string ServedName => Name.Length > 0 ? Name : NameOf(Source);

    /// <summary>The folder, or org/name, that tells it from others: the adapter's where there is one.</summary>
    internal string Source => Adapter.Length > 0 ? Adapter : Model;

    /// <summary>cpu where nothing is said, cuda or cuda:N, or auto: the first GPU where there is one, else the CPU.</summary>
    public string Device { get; set; } = "cpu";

    /// <summary>
    /// The weights' type in memory: float32, bfloat16, float16, or in few bits int8 or int4, or such as int4-g128, in groups of 32, 64 or
    /// 128 inputs; empty: the files'.
    /// </summary>
    [RegularExpression("^(float32|bfloat16|float16|int[48](-g(32|64|128))?)?$",
        ErrorMessage = "Type is none of float32, bfloat16, float16, int8, int4, int4-g128 and the like")]
    public string Type { get; set; } = "float32";

    /// <summary>A chat template's source, or the name of one of the tokenizer's; empty: the tokenizer's usual one.</summary>
    public string ChatTemplate { get; set; } = "";

    /// <summary>
    /// The most new tokens where a request says nothing; 0: as the model's generation_config.json says, else the rest of its context.
    /// </summary>
    [Range(0, int.MaxValue, ErrorMessage = "MaxOutputTokens is under 0")]
    public int MaxOutputTokens { get; set; }

    /// <summary>Texts that are generated at the same time.</summary>
    [Range(1, 4096, ErrorMessage = "MaxSequences is not within 1 to 4096")]
    public int MaxSequences { get; set; } = 32;

    /// <summary>Requests that may wait; more are refused.</summary>
    [Range(0, 1_000_000, ErrorMessage = "MaxWaiting is not within 0 to 1000000")]
    public int MaxWaiting { get; set; } = 256;

    /// <summary>Prompt tokens read in a step.</summary>
    [Range(1, 1_000_000, ErrorMessage = "PrefillTokens is not within 1 to 1000000")]
    public int PrefillTokens { get; set; } = 512;

    /// <summary>
    /// Positions of keys and values held in all, or of one text where the model is an encoder-decoder; 0: by the model.
    /// </summary>
    [Range(0, int.MaxValue, ErrorMessage = "CachedTokens is under 0")]
    public int CachedTokens { get; set; }

    /// <summary>How long requests under way may take to end when the application stops.</summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Models that are served side by side are told apart by their names: these are, or it is said which are not.</summary>
    /// <param name="models">the models</param>
    /// <param name="remedy">how one is given another name</param>
    /// <exception cref="ArgumentException">Two are called the same.</exception>
    public static void RequireNames(IEnumerable<ModelOptions> models, string remedy)
    {
        if (models.GroupBy(m => m.ServedName).FirstOrDefault(g => g.Count() > 1) is { } same)
            throw new ArgumentException($"{string.Join(" and ", same.Select(m => m.Source))} have one name, '{same.Key}': {remedy}");
    }

    private static string NameOf(string model)
        => Directory.Exists(model) ? Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(model))) : model;
}
