using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using TransformerTorch.Data;
using TransformerTorch.Models;
using TransformerTorch.Tensors;

namespace TransformerTorch.Training.Objectives;

/// <summary>The <c>objective:</c> section: what the model is to learn. A new objective is a new record.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(CausalLanguageModelingConfig), "causal_lm")]
[JsonDerivedType(typeof(MaskedLanguageModelingConfig), "masked_lm")]
[JsonDerivedType(typeof(SpanCorruptionConfig), "span_corruption")]
[JsonDerivedType(typeof(DenoisingConfig), "denoising")]
[JsonDerivedType(typeof(ReplacedTokenDetectionConfig), "replaced_token_detection")]
[JsonDerivedType(typeof(SequenceToSequenceConfig), "seq2seq_lm")]
[JsonDerivedType(typeof(SequenceClassificationConfig), "sequence_classification")]
[JsonDerivedType(typeof(TokenClassificationConfig), "token_classification")]
[JsonDerivedType(typeof(QuestionAnsweringConfig), "question_answering")]
[JsonDerivedType(typeof(ChatConfig), "chat")]
public abstract record ObjectiveConfig
{
    /// <summary>Share of the target's probability that is spread evenly over all tokens or classes, in training.</summary>
    [Range(0.0, 1, MaximumIsExclusive = true)]
    public double LabelSmoothingFactor { get; init; }

    /// <summary>Weight, in training, of the squared logarithm of the softmax's denominator, which keeps scores from drifting; 1e-4 is
    /// usual.</summary>
    [Range(0.0, 1)]
    public double ZLoss { get; init; }

    /// <summary>The head that learns it.</summary>
    internal abstract ModelTask Task { get; }

    /// <summary>The special tokens that it needs of a tokenizer that is trained for it.</summary>
    internal virtual TokenizerStyle TokenizerStyle => TokenizerStyle.Gpt2;

    /// <summary>Whether several of its examples can share a row.</summary>
    internal virtual bool Packs(DataConfig data) => false;

    /// <summary>Smoothing and z-loss.</summary>
    private protected CrossEntropyOptions Scoring => new() { LabelSmoothing = LabelSmoothingFactor, ZLoss = ZLoss };

    /// <summary>How its data are made, and what they say of the model.</summary>
    internal abstract PreparedObjective Prepare(ObjectiveContext context);

    /// <summary>What is trained, with memory but without values.</summary>
    /// <param name="model">The completed keys of the model.</param>
    /// <exception cref="ModelConfigException">They are wrong, or of a model that cannot learn this.</exception>
    internal virtual IObjective Build(JsonObject model)
        => new ModelObjective(PretrainedModel.Create(ModelConfig.FromKeys(model, "model")), Scoring);

    /// <summary>What is wrong with it beside this data.</summary>
    internal virtual IEnumerable<(string Key, string Message)> Problems(DataConfig data)
    {
        if (data.SamplePacking && !Packs(data))
            yield return ("data.sample_packing",
                "chats, texts written from texts and words with classes are packed so, and masked or noised text where " +
                "data.isolate_documents keeps documents apart; other running text fills its rows anyway, the rest is padded");
    }

    /// <summary>
    /// Running text in windows of a length; cut at the ends of documents where these are to be apart, each <paramref name="finished"/> as
    /// long as that says.
    /// </summary>
    private protected static Func<ExampleFile, long?, IExamples> RunningText(DataConfig data, int length, Func<int, int> finished)
        => (file, seed) => data.IsolateDocuments ? new Pieces(file, length, least: 2, finished)
            : new Windows(file, new(length) { Seed = seed });
}

/// <summary>What an objective makes its data with.</summary>
/// <param name="Data">The sources' section.</param>
/// <param name="Tokenizer">The tokenizer.</param>
/// <param name="Values">The values that a field has in the training documents.</param>
internal sealed record ObjectiveContext(DataConfig Data, TrainedTokenizer Tokenizer, Func<string, IReadOnlyList<string>> Values)
{
    /// <summary>Tokens of a window or an example at most.</summary>
    public int Length => Data.Length;
}

/// <summary>How an objective's data are made.</summary>
/// <param name="Recipe">From documents to batches.</param>
internal sealed record PreparedObjective(Recipe Recipe)
{
    /// <summary>What the data say of the model, as published keys: the names of classes, say.</summary>
    public JsonObject ModelKeys { get; init; } = [];

    /// <summary>A chat template that the tokenizer has not, and that the model is to be used with.</summary>
    public string? ChatTemplate { get; init; }
}
