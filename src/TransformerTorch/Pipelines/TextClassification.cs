using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Pipelines;

/// <summary>A label and how likely it is; the value itself where a model gives values.</summary>
public readonly record struct LabelScore(string Label, float Score);

/// <summary>What a text is: its classes, likeliest first. <c>TextClassification.Load(folder).Run("I like it")</c></summary>
public sealed class TextClassification : IDisposable
{
    private readonly PipelineModel<SequenceClassifier> _model;

    private TextClassification(PipelineModel<SequenceClassifier> model) => _model = model;

    /// <summary>Loads a classifier's folder.</summary>
    /// <exception cref="Checkpoints.CheckpointException">The folder is damaged, or holds a model of another kind.</exception>
    public static TextClassification Load(string folder, Device? device = null) => new(new(folder, device));

    /// <summary>One text's labels, likeliest first.</summary>
    public IReadOnlyList<LabelScore> Run(string text) => Run([text])[0];

    /// <summary>Each text's labels, likeliest first.</summary>
    public IReadOnlyList<LabelScore>[] Run(IReadOnlyList<string> texts)
        => Array.ConvertAll(_model.Scores(_model.Tokenizer.EncodeBatch(texts), _model.Model.Logits), Labels);

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    private IReadOnlyList<LabelScore> Labels(float[,] scores)
    {
        var row = Probabilities.Row(scores, 0);
        var values = _model.Model.Config.ProblemType switch
        {
            ProblemType.Regression => row,
            ProblemType.MultiLabel => Probabilities.Sigmoid(row),
            _ => row.Length == 1 ? Probabilities.Sigmoid(row) : Probabilities.Softmax(row),
        };
        return [.. values.Select((v, i) => new LabelScore(_model.Label(i), v)).OrderByDescending(l => l.Score)];
    }
}

/// <summary>
/// Which of labels thought of just now fits a text (Yin et al., 2019): a model of natural language inference is asked whether the text
/// entails a sentence with the label.
/// </summary>
public sealed class ZeroShotClassification : IDisposable
{
    private readonly PipelineModel<SequenceClassifier> _model;
    private readonly int _entailment, _contradiction;

    private ZeroShotClassification(PipelineModel<SequenceClassifier> model)
    {
        _model = model;
        var labels = model.Model.Config.Labels;
        _entailment = Enumerable.Range(0, labels.Count).Where(i => labels[i].StartsWith("entail", StringComparison.OrdinalIgnoreCase))
            .DefaultIfEmpty(labels.Count - 1).First();
        _contradiction = _entailment == 0 ? labels.Count - 1 : 0;
    }

    /// <inheritdoc cref="TextClassification.Load"/>
    public static ZeroShotClassification Load(string folder, Device? device = null) => new(new(folder, device));

    /// <summary>Each text's labels, likeliest first.</summary>
    /// <param name="texts">what to classify</param>
    /// <param name="labels">among which</param>
    /// <param name="several">whether labels are judged apart, so that any number may fit; else their scores add up to 1</param>
    /// <param name="hypothesis">the sentence, with {} for the label</param>
    /// <exception cref="ArgumentException">There are no labels, or the sentence has no {}.</exception>
    public IReadOnlyList<LabelScore>[] Run(
        IReadOnlyList<string> texts, IReadOnlyList<string> labels, bool several = false, string hypothesis = "This example is {}.")
    {
        if (labels.Count == 0) throw new ArgumentException("no labels to choose from");
        if (!hypothesis.Contains("{}", StringComparison.Ordinal)) throw new ArgumentException($"'{hypothesis}' has no {{}} for the label");
        string?[] sentences = [.. labels.Select(label => hypothesis.Replace("{}", label, StringComparison.Ordinal))];
        var pairs = texts.SelectMany(text => sentences.Select(sentence => (text, sentence)));
        var scores = _model.Scores(_model.Tokenizer.EncodeBatch([.. pairs]), _model.Model.Logits);
        return [.. scores.Chunk(labels.Count).Select(rows =>
        {
            var entailed = several || rows.Length == 1
                ? Array.ConvertAll(rows, r => Probabilities.Softmax([r[0, _contradiction], r[0, _entailment]])[1])
                : Probabilities.Softmax([.. rows.Select(r => r[0, _entailment])]);
            return (IReadOnlyList<LabelScore>)[.. labels.Zip(entailed, (l, s) => new LabelScore(l, s)).OrderByDescending(l => l.Score)];
        })];
    }

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();
}
