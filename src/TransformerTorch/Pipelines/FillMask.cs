using TransformerTorch.Checkpoints;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Pipelines;

/// <summary>What may stand where a token is masked.</summary>
/// <param name="Token">its id</param>
/// <param name="Text">its text</param>
/// <param name="Score">its probability</param>
/// <param name="Sequence">the whole text with it; other masks stay</param>
public readonly record struct MaskFilling(int Token, string Text, float Score, string Sequence);

/// <summary>Fills in masked tokens (Devlin et al., 2019). <c>FillMask.Load(folder).Run("Paris is the [MASK] of France.")</c></summary>
public sealed class FillMask : IDisposable
{
    private readonly PipelineModel<MaskedLanguageModel> _model;

    private FillMask(PipelineModel<MaskedLanguageModel> model)
    {
        _model = model;
        MaskToken = model.Tokenizer.SpecialTokens.Mask ?? throw new CheckpointException("the tokenizer names no mask token");
    }

    /// <summary>How a masked token is written.</summary>
    public string MaskToken { get; }

    /// <summary>Loads a model's folder.</summary>
    /// <exception cref="CheckpointException">The folder is damaged, or holds a model of another kind, or names no mask token.</exception>
    public static FillMask Load(string folder, Device? device = null) => new(new(folder, device));

    /// <summary>For each mask of a text, what may stand there, likeliest first.</summary>
    public IReadOnlyList<MaskFilling>[] Run(string text, int count = 5) => Run([text], count)[0];

    /// <summary>So for several texts.</summary>
    /// <exception cref="ArgumentException">A text has no mask.</exception>
    public IReadOnlyList<MaskFilling>[][] Run(IReadOnlyList<string> texts, int count = 5)
    {
        var (encodings, mask) = (_model.Tokenizer.EncodeBatch(texts), _model.Tokenizer.TokenToId(MaskToken));
        int[][] places = [.. encodings.Select(e => Enumerable.Range(0, e.Count).Where(i => e.Ids[i] == mask).ToArray())];
        var without = Array.FindIndex(places, p => p.Length == 0);
        if (without >= 0) throw new ArgumentException($"no {MaskToken} in '{texts[without]}'");
        var scores = _model.Scores(encodings, _model.Model.Logits);
        return [.. places.Select((at, text) =>
            at.Select(place => Fillings(encodings[text].Ids, place, at.Length, scores[text], count)).ToArray())];
    }

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    private IReadOnlyList<MaskFilling> Fillings(int[] ids, int place, int masks, float[,] scores, int count)
    {
        var chances = Probabilities.Softmax(Probabilities.Row(scores, place));
        return [.. Enumerable.Range(0, chances.Length).OrderByDescending(id => chances[id]).Take(count).Select(id =>
        {
            var filled = ids.Select((old, i) => i == place ? id : old);
            var sequence = _model.Tokenizer.Decode(filled, skipSpecialTokens: masks == 1);
            return new MaskFilling(id, _model.Tokenizer.Decode([id], skipSpecialTokens: false), chances[id], sequence);
        })];
    }
}
