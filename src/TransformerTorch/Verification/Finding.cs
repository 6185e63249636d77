namespace TransformerTorch.Verification;

/// <summary>One thing compared with the reference.</summary>
/// <param name="Name">what ("logits", "gradient of lm_head.weight", "greedy")</param>
/// <param name="Difference">the greatest difference, in the limit's measure; NaN where there was nothing to compare</param>
/// <param name="Limit">what is allowed</param>
/// <param name="Detail">what is wrong where it is no matter of size; empty: nothing</param>
public sealed record Finding(string Name, double Difference, double Limit, string Detail = "")
{
    /// <summary>Whether it is right. NaN is not.</summary>
    public bool Ok => Detail == "" && Difference <= Limit;

    /// <summary>Something that the case holds and we do not have.</summary>
    public static Finding Missing(string name, string detail) => new(name, double.NaN, 0, detail);
}
