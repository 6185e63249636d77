namespace TransformerTorch.Models;

/// <summary>What a model is for; decides its head.</summary>
public enum ModelTask
{
    /// <summary>Hidden states.</summary>
    Bare,

    /// <summary>The next token.</summary>
    CausalLanguageModel,

    /// <summary>Tokens that are masked out.</summary>
    MaskedLanguageModel,

    /// <summary>Masked tokens and whether the second sentence follows (Devlin et al., 2019).</summary>
    Pretraining,

    /// <summary>Whether the second sentence follows.</summary>
    NextSentencePrediction,

    /// <summary>Which tokens a generator replaced (Clark et al., 2020).</summary>
    ReplacedTokenDetection,

    /// <summary>A text's class, classes or values.</summary>
    SequenceClassification,

    /// <summary>Which of several texts.</summary>
    MultipleChoice,

    /// <summary>A class for each token.</summary>
    TokenClassification,

    /// <summary>Where in the text the answer stands.</summary>
    QuestionAnswering,

    /// <summary>A text from a text.</summary>
    SequenceToSequence,
}

/// <summary>Tasks in the names of published classes ("BertForMaskedLM").</summary>
internal static class Architecture
{
    private static readonly (string Ending, ModelTask Task)[] s_endings =
    [
        ("ForCausalLM", ModelTask.CausalLanguageModel), ("LMHeadModel", ModelTask.CausalLanguageModel),
        ("ForMaskedLM", ModelTask.MaskedLanguageModel), ("ForPreTraining", ModelTask.Pretraining),
        ("ForNextSentencePrediction", ModelTask.NextSentencePrediction),
        ("ForSequenceClassification", ModelTask.SequenceClassification), ("ForMultipleChoice", ModelTask.MultipleChoice),
        ("ForTokenClassification", ModelTask.TokenClassification),
        ("ForQuestionAnswering", ModelTask.QuestionAnswering), ("ForConditionalGeneration", ModelTask.SequenceToSequence),
        ("MTModel", ModelTask.SequenceToSequence), ("Model", ModelTask.Bare),
    ];

    /// <summary>All endings known.</summary>
    public static IEnumerable<string> Endings => s_endings.Select(e => e.Ending);

    /// <summary>How the name of a published class for a task usually ends.</summary>
    public static string Ending(ModelTask task) => task == ModelTask.ReplacedTokenDetection ? "ForPreTraining"
        : s_endings.First(e => e.Task == task).Ending;

    /// <summary>The task of a published class; null where its name tells none.</summary>
    public static ModelTask? Task(string architecture)
        => s_endings.Where(e => architecture.EndsWith(e.Ending, StringComparison.Ordinal)).Select(e => (ModelTask?)e.Task).FirstOrDefault();
}
