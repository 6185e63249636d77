using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>
/// What is hidden from whom beyond causality and windows, and what is added to the scores. The native kernel reads each as it stands;
/// for the others all but the prefix becomes one bias.
/// </summary>
public sealed record AttentionTerms
{
    /// <summary>Nothing hidden, nothing added.</summary>
    public static readonly AttentionTerms None = new();

    /// <summary>
    /// Added to the scores, broadcastable to (B, H, Tq, Tk); hides a key where it is <see cref="AttentionKernel.Hidden"/>.
    /// </summary>
    public Tensor? Bias { get; init; }

    /// <summary>(B, Tk) bool or int64: padding, where it is 0, is seen by nobody.</summary>
    public Tensor? KeyMask { get; init; }

    /// <summary>(B, Tk) int64: a position sees those of its own document alone.</summary>
    public Tensor? Documents { get; init; }

    /// <summary>(B) int64: causality does not hide keys before it (Raffel et al., 2020, "prefix LM").</summary>
    public Tensor? Prefix { get; init; }

    /// <summary>(H, Tq + Tk - 1): added by distance, at query position - key position + Tq - 1.</summary>
    public Tensor? ByDistance { get; init; }

    /// <summary>The terms of the last keys, for a layer that holds no others.</summary>
    public AttentionTerms OfLast(long keys, long queries) => this with
    {
        Bias = Last(Bias, keys), KeyMask = Last(KeyMask, keys), Documents = Last(Documents, keys),
        ByDistance = ByDistance is { } terms && terms.shape[1] > queries + keys - 1 ? terms.narrow(1, 0, queries + keys - 1) : ByDistance,
    };

    /// <summary>The same with everything but the prefix in <see cref="Bias"/>.</summary>
    public AttentionTerms Composed(long queries, long keys)
    {
        if (KeyMask is null && Documents is null && ByDistance is null) return this;
        Tensor?[] terms =
        [
            Bias, KeyMask is null ? null : AttentionMask.Padding(KeyMask),
            Documents is null ? null : AttentionMask.Documents(Documents).narrow(2, keys - queries, queries),
            ByDistance is null ? null : Spread(ByDistance, queries, keys),
        ];
        return new AttentionTerms { Bias = terms.OfType<Tensor>().Aggregate((sum, term) => sum + term), Prefix = Prefix };
    }

    /// <summary>The same with other tensors in the place of each, always asked for in one order.</summary>
    public AttentionTerms Map(Func<Tensor, Tensor> replace)
    {
        return this with
        {
            Bias = Of(Bias), KeyMask = Of(KeyMask), Documents = Of(Documents), Prefix = Of(Prefix), ByDistance = Of(ByDistance),
        };

        Tensor? Of(Tensor? term) => term is null ? null : replace(term);
    }

    private static Tensor? Last(Tensor? x, long keys)
        => x is null || x.shape[^1] is 1 || x.shape[^1] == keys ? x : x.narrow(-1, x.shape[^1] - keys, keys);

    /// <summary>Terms by distance (H, Tq + Tk - 1) at every query and key: (1, H, Tq, Tk).</summary>
    private static Tensor Spread(Tensor terms, long queries, long keys)
    {
        var last = arange(keys - 1, keys + queries - 1, device: terms.device);
        var places = last.unsqueeze(1) - arange(keys, device: terms.device); // (Tq, Tk)
        return terms.index_select(1, places.flatten()).view(1, -1, queries, keys);
    }
}
