using TransformerTorch.Data;
using TransformerTorch.Generation;
using TransformerTorch.Models;
using TransformerTorch.Text;
using TransformerTorch.Training.Metrics;
using TransformerTorch.Training.Objectives;
using static TorchSharp.torch;

namespace TransformerTorch.Training.Evaluation;

/// <summary>How texts are written for scores.</summary>
/// <param name="MaxNewTokens">tokens at most</param>
/// <param name="Beams">1: the likeliest token each time</param>
public sealed record WritingOptions(int MaxNewTokens, int Beams);

/// <summary>Texts that an encoder-decoder writes, beside those it should: ROUGE, BLEU, chrF.</summary>
internal sealed class TextScorer(SequenceToSequenceModel model, Tokenizer tokenizer, WritingOptions options) : IScorer
{
    private readonly List<string> _given = [], _wanted = [];

    public void Add(DeviceBatch batch, Func<IReadOnlyDictionary<string, Tensor>> predict)
    {
        var generator = new TokenGenerator(model);
        var (ids, labels) = (batch.Host[Batch.Names.InputIds], batch.Host[Batch.Names.Labels]);
        var masks = batch.Host.Columns.TryGetValue(Batch.Names.AttentionMask, out var mask) ? mask.Integers : null;
        var (width, wide) = ((int)ids.Shape[1], (int)labels.Shape[1]);
        List<IReadOnlyList<int>> sources = [.. Enumerable.Range(0, (int)ids.Shape[0]).Select(row => (IReadOnlyList<int>)
            [.. Enumerable.Range(row * width, width).Where(i => masks is null || masks[i] != 0).Select(i => (int)ids.Integers[i])])];
        var written = generator.Generate(sources, new GenerationOptions
        {
            MaxNewTokens = options.MaxNewTokens, Beams = options.Beams, Temperature = 0,
        });
        _given.AddRange(written.Select(w => tokenizer.Decode(w)));
        _wanted.AddRange(labels.Integers.Chunk(wide).Select(row => tokenizer.Decode(row.Where(l => l >= 0).Select(l => (int)l))));
    }

    public IEnumerable<(string, double)> Scores()
    {
        var scores = TextScores.Of(_given, _wanted);
        return
        [
            ("rouge1", scores.Rouge1), ("rouge2", scores.Rouge2), ("rougeL", scores.RougeL), ("rougeLsum", scores.RougeLsum),
            ("bleu", scores.Bleu), ("chrf", scores.ChrF), ("exact_match", scores.ExactMatch),
        ];
    }
}
