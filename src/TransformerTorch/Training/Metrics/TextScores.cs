namespace TransformerTorch.Training.Metrics;

/// <summary>How near written texts are to what they should be.</summary>
/// <param name="Rouge1">mean F1 of words, 0 to 1</param>
/// <param name="Rouge2">of pairs of words</param>
/// <param name="RougeL">of the longest common subsequence</param>
/// <param name="RougeLsum">of that of lines</param>
/// <param name="Bleu">0 to 100</param>
/// <param name="ChrF">0 to 100</param>
/// <param name="ExactMatch">share of texts that are the wanted one to the letter, 0 to 1</param>
public sealed record TextScores(
    double Rouge1, double Rouge2, double RougeL, double RougeLsum, double Bleu, double ChrF, double ExactMatch)
{
    /// <summary>Scores texts, each with one that it should be.</summary>
    /// <exception cref="ArgumentException">There are more of one than of the other.</exception>
    public static TextScores Of(IReadOnlyList<string> predicted, IReadOnlyList<string> wanted)
    {
        var pairs = Pairs.Of(predicted, wanted);
        List<IReadOnlyList<string>> references = [.. wanted.Select(w => (IReadOnlyList<string>)[w])];
        return new(
            Mean((p, w) => Rouge.N(p, w, 1, stem: true).F1), Mean((p, w) => Rouge.N(p, w, 2, stem: true).F1),
            Mean((p, w) => Rouge.L(p, w, stem: true).F1), Mean((p, w) => Rouge.Lsum(p, w, stem: true).F1),
            Metrics.Bleu.Of(predicted, references).Score, CharacterFScore.Of(predicted, references),
            Mean((p, w) => p.Trim() == w.Trim() ? 1 : 0));

        double Mean(Func<string, string, double> score) => Pairs.Mean(pairs.Sum(p => score(p.Predicted, p.Wanted)), pairs.Count);
    }
}
