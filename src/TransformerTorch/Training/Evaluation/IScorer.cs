using TransformerTorch.Models;
using TransformerTorch.Text;
using TransformerTorch.Training.Objectives;
using static TorchSharp.torch;

namespace TransformerTorch.Training.Evaluation;

/// <summary>Gathers what a model says of batches, and scores it all together.</summary>
public interface IScorer
{
    /// <summary>Adds a batch.</summary>
    /// <param name="batch">what is wanted</param>
    /// <param name="predict">asks the model; run only where it is needed</param>
    void Add(DeviceBatch batch, Func<IReadOnlyDictionary<string, Tensor>> predict);

    /// <summary>The scores of all batches added, by name ("accuracy").</summary>
    IEnumerable<(string Name, double Value)> Scores();
}

/// <summary>The scores that suit a model.</summary>
public static class Scorer
{
    /// <summary>A new scorer for what a model predicts; null where its loss says all.</summary>
    /// <param name="model">the model</param>
    /// <param name="tokenizer">writes ids as text</param>
    /// <param name="writing">lets models that write texts write them, and scores those; null: their losses alone</param>
    public static IScorer? For(PretrainedModel model, Tokenizer tokenizer, WritingOptions? writing) => model switch
    {
        SequenceClassifier classifier => new ClassScorer(classifier.Config),
        TokenClassifier tagger => new TagScorer(tagger.Config.Labels),
        QuestionAnswerer => new AnswerScorer(),
        ReplacedTokenDetector => new DetectionScorer(),
        MaskedLanguageModel => new MaskScorer(),
        SequenceToSequenceModel writer when writing is not null => new TextScorer(writer, tokenizer, writing),
        _ => null,
    };
}
