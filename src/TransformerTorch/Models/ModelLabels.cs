using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Models;

/// <summary>What a model is to learn. -100 is ignored wherever int64 classes stand.</summary>
public sealed record ModelLabels
{
    /// <summary>
    /// Tokens (B, T), classes of tokens (B, T) or of texts (B) as int64; values (B) or (B, n), or several classes each (B, n), as float32.
    /// </summary>
    public Tensor? Labels { get; init; }

    /// <summary>(B, T) int64, tokens that stand where they are predicted instead of where they stand; used in place of labels.</summary>
    public Tensor? Shifted { get; init; }

    /// <summary>Smoothing and z-loss of cross-entropies over tokens and classes.</summary>
    public CrossEntropyOptions Scoring { get; init; } = CrossEntropyOptions.Default;

    /// <summary>(B) int64, 0 where the second segment follows the first, 1 where it is another text.</summary>
    public Tensor? NextSentence { get; init; }

    /// <summary>(B) int64, where the answer begins; outside the text: nowhere.</summary>
    public Tensor? Start { get; init; }

    /// <summary>(B) int64, where the answer's last token stands.</summary>
    public Tensor? End { get; init; }

    /// <summary><see cref="Labels"/>, or what is missing.</summary>
    /// <exception cref="ArgumentException">There are none.</exception>
    public Tensor Required => Labels ?? throw new ArgumentException("this model's loss needs labels");
}

/// <summary>A part of a loss: a sum and what to divide it by, apart so that batches can be accumulated.</summary>
/// <param name="Name">what it is ("masked_lm", "next_sentence")</param>
/// <param name="Sum">float32 scalar, differentiable</param>
/// <param name="Count">how many targets it sums over, int64 or float32 scalar</param>
/// <param name="Weight">its share in the whole</param>
public sealed record LossTerm(string Name, Tensor Sum, Tensor Count, double Weight = 1)
{
    /// <summary>The whole loss: the weighted means of its terms, added; a float32 scalar.</summary>
    public static Tensor Total(IEnumerable<LossTerm> terms)
    {
        using var scope = NewDisposeScope();
        return terms.Select(t => t.Sum / t.Count * t.Weight).Aggregate((a, b) => a + b).MoveToOuterDisposeScope();
    }
}
