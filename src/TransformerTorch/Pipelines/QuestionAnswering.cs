using TransformerTorch.Models;
using TransformerTorch.Text;
using static TorchSharp.torch;

namespace TransformerTorch.Pipelines;

/// <summary>An answer and where it stands.</summary>
/// <param name="Text">its text; empty where the context says nothing about it</param>
/// <param name="Score">its first token's probability times its last one's</param>
/// <param name="Start">where it begins in the context, in characters</param>
/// <param name="End">where it ends</param>
public readonly record struct Answer(string Text, float Score, int Start, int End);

/// <summary>
/// Finds answers in texts (Rajpurkar et al., 2016); a text too long for the model is read in parts that overlap.
/// <c>QuestionAnswering.Load(folder).Run("Who lives in Rome?", "Anna lives in Rome.")</c>
/// </summary>
public sealed class QuestionAnswering : IDisposable
{
    private const int Stride = 128;
    private readonly PipelineModel<QuestionAnswerer> _model;

    private QuestionAnswering(PipelineModel<QuestionAnswerer> model)
    {
        _model = model;
        var most = model.Tokenizer.Truncation!.MaxLength;
        model.Tokenizer.Truncation = new Truncation(Math.Min(most, 384))
        {
            Strategy = TruncationStrategy.OnlySecond, Stride = Math.Min(Stride, most / 4), ReadsAll = true,
        };
    }

    /// <inheritdoc cref="TextClassification.Load"/>
    public static QuestionAnswering Load(string folder, Device? device = null) => new(new(folder, device));

    /// <summary>The best answer.</summary>
    public Answer Run(string question, string context) => Run([(question, context)])[0][0];

    /// <summary>Each question's best answers, the best first.</summary>
    /// <param name="questions">questions, each with the text to look in</param>
    /// <param name="count">answers to each</param>
    /// <param name="most">tokens of an answer</param>
    public IReadOnlyList<Answer>[] Run(IReadOnlyList<(string Question, string Context)> questions, int count = 1, int most = 15)
    {
        var encodings = _model.Tokenizer.EncodeBatch([.. questions.Select(q => (q.Question, (string?)q.Context))]);
        var parts = encodings.SelectMany((e, i) => new[] { e }.Concat(e.Overflowing).Select(part => (Part: part, Of: i))).ToList();
        var scores = _model.Scores([.. parts.Select(p => p.Part)], inputs =>
        {
            var (start, end) = _model.Model.Logits(inputs);
            return stack([start, end], -1); // (B, T, 2)
        });
        var found = parts.SelectMany((p, i) => Spans(p.Part, scores[i], most).Select(span => (p.Of, Span: span)))
            .ToLookup(f => f.Of, f => f.Span);
        return [.. questions.Select((q, i) => (IReadOnlyList<Answer>)[.. found[i].OrderByDescending(s => s.Score)
            .DistinctBy(s => (s.Start, s.End)).Take(count).Select(s => new Answer(q.Context[s.Start..s.End], s.Score, s.Start, s.End))])];
    }

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    /// <summary>All spans of the context that are no longer than allowed. Probabilities are among the context's tokens alone.</summary>
    private static IEnumerable<(float Score, int Start, int End)> Spans(Encoding part, float[,] scores, int most)
    {
        int[] inside = [.. Enumerable.Range(0, part.Count).Where(i => part.SequenceIds[i] == 1)];
        if (inside.Length == 0) yield break;
        var starts = Probabilities.Softmax([.. inside.Select(i => scores[i, 0])]);
        var ends = Probabilities.Softmax([.. inside.Select(i => scores[i, 1])]);
        for (var a = 0; a < inside.Length; a++)
            for (var b = a; b < Math.Min(a + most, inside.Length); b++)
                yield return (starts[a] * ends[b], part.Offsets[inside[a]].Start, part.Offsets[inside[b]].End);
    }
}
