using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models;

/// <content>Keys that all families share.</content>
public sealed partial class ConfigKeys
{
    /// <summary>What the published class is for.</summary>
    /// <param name="otherwise">where none is named</param>
    /// <exception cref="ModelConfigException">A class of which its name does not tell.</exception>
    public ModelTask Task(ModelTask otherwise)
    {
        if (Architecture() is not { Length: > 0 } name) return otherwise;
        return Models.Architecture.Task(name)
            ?? throw Wrong("architectures", "a class whose name ends with one of " + string.Join(", ", Models.Architecture.Endings));
    }

    /// <summary>The published class ("T5EncoderModel"); empty where none is named.</summary>
    public string Architecture() => Node("architectures") is JsonArray { Count: > 0 } names ? names[0]?.ToString() ?? "" : "";

    /// <summary>The classes' names.</summary>
    /// <param name="otherwise">how many, without names, where nothing is said</param>
    public IReadOnlyList<string> Labels(int otherwise = 2)
    {
        if (Node("id2label") is JsonObject names)
            return [.. names.OrderBy(n => int.TryParse(n.Key, out var id) ? id : throw Wrong("id2label", "ids")).Select(n => $"{n.Value}")];
        return [.. Enumerable.Range(0, Whole("num_labels", otherwise)).Select(i => $"LABEL_{i}")];
    }

    /// <summary>How many scores a text has: one of each class, or one that is held against those of other texts.</summary>
    public int Scores(ModelTask task) => task == ModelTask.MultipleChoice ? 1 : Labels().Count;

    /// <summary>A token's id; null where it is given as null.</summary>
    /// <param name="key">such as <c>pad_token_id</c></param>
    /// <param name="otherwise">where the key is absent</param>
    public int? Token(string key, int? otherwise) => Ids(key) is [var id, ..] ? id : IsNull(key) ? null : otherwise;

    /// <summary>What the labels are; null where nothing is said.</summary>
    public ProblemType? ProblemType() => !Has("problem_type") ? null
        : OneOf("problem_type", ["regression", "single_label_classification", "multi_label_classification"]) switch
        {
            "regression" => Models.ProblemType.Regression,
            "single_label_classification" => Models.ProblemType.SingleLabel,
            _ => Models.ProblemType.MultiLabel,
        };

    /// <summary>An activation's name.</summary>
    public string ActivationName(string key, string otherwise) => OneOf(key, Activation.Names, otherwise);

    /// <summary>The size of a head: the width's share.</summary>
    /// <exception cref="ModelConfigException">It does not divide evenly.</exception>
    public int HeadSize((string Key, int Value) width, (string Key, int Value) heads) => width.Value % heads.Value == 0
        ? width.Value / heads.Value
        : throw Contradiction($"{width.Key} {width.Value} is no multiple of {heads.Key} {heads.Value}");

    /// <summary>The head that most families' classes for a task have: scores read off the hidden states; null for the bare model.</summary>
    /// <param name="task">which task</param>
    /// <param name="vocabulary">the head over the vocabulary</param>
    /// <param name="dropout">before classes</param>
    public HeadOptions? Head(ModelTask task, HeadOptions vocabulary, double dropout = 0) => task switch
    {
        ModelTask.Bare => null,
        ModelTask.CausalLanguageModel or ModelTask.MaskedLanguageModel or ModelTask.Pretraining => vocabulary,
        ModelTask.SequenceToSequence => vocabulary,
        ModelTask.QuestionAnswering => new HeadOptions { Outputs = 2 },
        ModelTask.ReplacedTokenDetection => new HeadOptions { Outputs = 1 },
        ModelTask.NextSentencePrediction => new HeadOptions { Outputs = 2 },
        _ => new HeadOptions { Outputs = Scores(task), Dropout = dropout },
    };

    /// <summary>The window of each layer; 0: none.</summary>
    /// <param name="window">that of those that have one</param>
    /// <param name="layers">how many layers</param>
    /// <param name="otherwise">which have one, where <c>layer_types</c> does not say it</param>
    public IReadOnlyList<int> Windows(int? window, int layers, Func<int, bool> otherwise)
    {
        const string sliding = "sliding_attention";
        var types = Node("layer_types") as JsonArray;
        if (types is not null && (types.Count != layers || types.Any(t => $"{t}" is not (sliding or "full_attention"))))
            throw Wrong("layer_types", $"{sliding} or full_attention for each of {layers} layers");
        return [.. Enumerable.Range(0, layers).Select(i => (types is null ? otherwise(i) : $"{types[i]}" == sliding) ? window ?? 0 : 0)];
    }
}
