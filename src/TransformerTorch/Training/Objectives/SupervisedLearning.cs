using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using TransformerTorch.Configuration;
using TransformerTorch.Data;
using TransformerTorch.Data.Collators;
using TransformerTorch.Data.Encoders;
using TransformerTorch.Models;

namespace TransformerTorch.Training.Objectives;

/// <summary>Whole examples, each with what is to be learnt of it.</summary>
public abstract record SupervisedConfig : ObjectiveConfig
{
    /// <summary>Rows are filled up to a multiple of this; 8 suits GPUs.</summary>
    [Range(1, 1024)]
    [KnownAs("pad_to_sequence_len")]
    public int PadToMultipleOf { get; init; } = 1;

    /// <summary>Examples to batches.</summary>
    private protected Recipe Recipe(ObjectiveContext context, IExampleEncoder encoder, LabelKind labels)
        => new(encoder, (file, _) => new WholeExamples(file), new PaddingCollator(labels, context.Tokenizer.Padding, PadToMultipleOf));

    /// <summary>The classes: those that are named, or those of the data.</summary>
    private protected static LabelSet Classes(IReadOnlyList<string>? named, ObjectiveContext context, string column)
        => new(named ?? context.Values(column));

    /// <summary>The classes as published keys.</summary>
    private protected static JsonObject Keys(LabelSet labels) => new()
    {
        ["id2label"] = new JsonObject(labels.Names.Select((name, id) => KeyValuePair.Create($"{id}", (JsonNode?)name))),
        ["label2id"] = new JsonObject(labels.Names.Select((name, id) => KeyValuePair.Create(name, (JsonNode?)id))),
    };
}

/// <summary>A text is written from a text: summaries, translations.</summary>
public sealed record SequenceToSequenceConfig : SupervisedConfig
{
    /// <summary>The field that the encoder reads.</summary>
    public string SourceColumn { get; init; } = "source";

    /// <summary>The field that the decoder is to write.</summary>
    public string TargetColumn { get; init; } = "target";

    /// <summary>Stands before each source, such as <c>"summarize: "</c>.</summary>
    public string SourcePrefix { get; init; } = "";

    /// <summary>Tokens of a target at most; those of sources are <c>data.sequence_len</c>.</summary>
    [Range(1, 1 << 20)]
    public int MaxTargetLength { get; init; } = 128;

    internal override ModelTask Task => ModelTask.SequenceToSequence;

    internal override bool Packs(DataConfig data) => true;

    internal override TokenizerStyle TokenizerStyle => TokenizerStyle.T5;

    internal override PreparedObjective Prepare(ObjectiveContext context) => new(Recipe(context, new SequenceToSequenceEncoder(
        context.Tokenizer, new(SourceColumn, TargetColumn, SourcePrefix), (context.Length, MaxTargetLength)), LabelKind.Text));
}

/// <summary>A text has a class, several, or a value.</summary>
public sealed record SequenceClassificationConfig : SupervisedConfig, IValidated
{
    /// <summary>The field of the text.</summary>
    public string TextColumn { get; init; } = "text";

    /// <summary>The field of a second text, for pairs.</summary>
    public string? TextPairColumn { get; init; }

    /// <summary>The field of the label: a class, a list of classes, or a number.</summary>
    public string LabelColumn { get; init; } = "label";

    /// <summary>What the label is.</summary>
    public ClassificationKind ProblemType { get; init; }

    /// <summary>The classes in the order of their ids; those found in the data, sorted, where they are not given.</summary>
    public IReadOnlyList<string>? Labels { get; init; }

    internal override ModelTask Task => ModelTask.SequenceClassification;

    internal override TokenizerStyle TokenizerStyle => TokenizerStyle.Bert;

    /// <inheritdoc/>
    public IEnumerable<(string Key, string Message)> Validate()
    {
        if (ProblemType == ClassificationKind.Regression && Labels is not null)
            yield return ("labels", "values have no classes; remove `labels`");
        if (Labels is { Count: < 2 }) yield return ("labels", "name at least two classes");
        if (LabelSmoothingFactor > 0 && ProblemType != ClassificationKind.SingleLabelClassification)
            yield return ("label_smoothing_factor", "only one class of several is smoothed; remove the key");
        if (ZLoss > 0) yield return ("z_loss", "a text's scores are not weighted so; remove the key");
    }

    internal override PreparedObjective Prepare(ObjectiveContext context)
    {
        var labels = ProblemType == ClassificationKind.Regression ? null : Classes(Labels, context, LabelColumn);
        var encoder = new ClassificationEncoder(context.Tokenizer, new(TextColumn, TextPairColumn, LabelColumn), context.Length)
        {
            Kind = ProblemType, Labels = labels,
        };
        var keys = labels is null ? new JsonObject { ["num_labels"] = 1 } : Keys(labels);
        keys["problem_type"] = ProblemType switch
        {
            ClassificationKind.Regression => "regression",
            ClassificationKind.MultiLabelClassification => "multi_label_classification",
            _ => "single_label_classification",
        };
        return new(Recipe(context, encoder, encoder.LabelKind)) { ModelKeys = keys };
    }
}

/// <summary>Each word has a class: named entities, parts of speech.</summary>
public sealed record TokenClassificationConfig : SupervisedConfig
{
    /// <summary>The field of the words, a list.</summary>
    public string TextColumn { get; init; } = "tokens";

    /// <summary>The field of their classes, a list of the same length.</summary>
    public string LabelColumn { get; init; } = "tags";

    /// <summary>Every token of a word is to have its class, not the first alone.</summary>
    public bool LabelAllTokens { get; init; }

    /// <summary>The classes in the order of their ids; those found in the data, sorted, where they are not given.</summary>
    public IReadOnlyList<string>? Labels { get; init; }

    internal override ModelTask Task => ModelTask.TokenClassification;

    internal override bool Packs(DataConfig data) => true;

    internal override TokenizerStyle TokenizerStyle => TokenizerStyle.Bert;

    internal override PreparedObjective Prepare(ObjectiveContext context)
    {
        var labels = Classes(Labels, context, LabelColumn);
        var encoder = new TokenClassificationEncoder(context.Tokenizer, (TextColumn, LabelColumn), labels, context.Length)
        {
            LabelsAllTokens = LabelAllTokens,
        };
        return new(Recipe(context, encoder, LabelKind.Tokens)) { ModelKeys = Keys(labels) };
    }
}

/// <summary>The answer to a question is a part of a text.</summary>
public sealed record QuestionAnsweringConfig : SupervisedConfig, IValidated
{
    /// <summary>The field of the question.</summary>
    public string QuestionColumn { get; init; } = "question";

    /// <summary>The field of the text.</summary>
    public string ContextColumn { get; init; } = "context";

    /// <summary>The field of the answers, as SQuAD has them: lists <c>text</c> and <c>answer_start</c>.</summary>
    public string AnswersColumn { get; init; } = "answers";

    /// <summary>Tokens that neighbouring parts of a long text share.</summary>
    [Range(0, 1 << 20)]
    public int DocStride { get; init; } = 128;

    internal override ModelTask Task => ModelTask.QuestionAnswering;

    internal override TokenizerStyle TokenizerStyle => TokenizerStyle.Bert;

    /// <inheritdoc/>
    public IEnumerable<(string Key, string Message)> Validate()
    {
        if (LabelSmoothingFactor > 0) yield return ("label_smoothing_factor", "where an answer stands is not smoothed; remove the key");
        if (ZLoss > 0) yield return ("z_loss", "the scores of places are not weighted so; remove the key");
    }

    internal override IEnumerable<(string Key, string Message)> Problems(DataConfig data)
    {
        if (DocStride >= data.Length / 2)
            yield return ("objective.doc_stride", $"{DocStride} is too near to data.sequence_len: {data.Length}; half of it at most");
        foreach (var problem in base.Problems(data)) yield return problem;
    }

    internal override PreparedObjective Prepare(ObjectiveContext context) => new(Recipe(context, new QuestionEncoder(
        context.Tokenizer, new(QuestionColumn, ContextColumn, AnswersColumn), context.Length, DocStride), LabelKind.Span));
}

/// <summary>Chats, of which the assistant's part is learnt; or prompts with their completions.</summary>
public sealed record ChatConfig : SupervisedConfig
{
    /// <summary>The field of the chat: a list of objects with <c>role</c> and <c>content</c>.</summary>
    [KnownAs("field_messages")]
    public string MessagesColumn { get; init; } = "messages";

    /// <summary>The field of a prompt, for records without a chat.</summary>
    public string PromptColumn { get; init; } = "prompt";

    /// <summary>The field of its completion.</summary>
    public string CompletionColumn { get; init; } = "completion";

    /// <summary>A template, <c>chatml</c>, or the name of one of the tokenizer's; its own where it is not given.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>What is learnt.</summary>
    [KnownAs("train_on_inputs", "assistant_only_loss", "completion_only_loss")]
    public ChatTargets TrainOn { get; init; }

    internal override ModelTask Task => ModelTask.CausalLanguageModel;

    internal override bool Packs(DataConfig data) => true;

    internal override PreparedObjective Prepare(ObjectiveContext context)
    {
        var template = ChatTemplate == "chatml" ? ChatEncoder.ChatMl : ChatTemplate;
        var encoder = new ChatEncoder(context.Tokenizer, context.Length)
        {
            Messages = MessagesColumn, Fields = (PromptColumn, CompletionColumn), Targets = TrainOn, Template = template,
        };
        var named = template is null || context.Tokenizer.Tokenizer.ChatTemplates.ContainsKey(template);
        return new(Recipe(context, encoder, LabelKind.Tokens)) { ChatTemplate = named ? null : template };
    }
}
