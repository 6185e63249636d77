namespace TransformerTorch.Generation.Batching;

/// <summary>How much a <see cref="BatchEngine"/> takes on.</summary>
public sealed record BatchOptions
{
    /// <summary>Texts that are continued at the same time; others wait.</summary>
    public int MaxSequences { get; init; } = 32;

    /// <summary>Texts that may wait; more are refused.</summary>
    public int MaxWaiting { get; init; } = 256;

    /// <summary>
    /// Tokens of prompts, and of texts that were preempted, read in one step and shared out among them: others' next tokens wait no longer
    /// than these take.
    /// </summary>
    public int PrefillTokens { get; init; } = 512;

    /// <summary>Positions a page.</summary>
    public int PageSize { get; init; } = 32;

    /// <summary>
    /// Positions in all, which bounds the memory of keys and values and how long a text may become; 0: as many as eight texts of the
    /// model's context need, but no fewer than 8,192 and no more than 65,536.
    /// </summary>
    public int CachedTokens { get; init; }

    /// <summary>
    /// Whether texts that begin alike share what was computed for the beginning; while one computes it, the others wait for it.
    /// </summary>
    public bool SharePrefixes { get; init; } = true;

    /// <summary>These options, if they can be followed.</summary>
    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    public BatchOptions Validated()
    {
        Require(MaxSequences >= 1, $"max_sequences is {MaxSequences}, expected 1 or more");
        Require(MaxWaiting >= 0, $"max_waiting is {MaxWaiting}, expected 0 or more");
        Require(PrefillTokens >= 1, $"prefill_tokens is {PrefillTokens}, expected 1 or more");
        Require(PageSize >= 1, $"page_size is {PageSize}, expected 1 or more");
        Require(CachedTokens >= 0, $"cached_tokens is {CachedTokens}, expected 0 (by the model) or more");
        return this;
    }

    private static void Require(bool condition, string message)
    {
        if (!condition) throw new ArgumentException(message);
    }
}

/// <summary>What a <see cref="BatchEngine"/> does just now, and has done.</summary>
/// <param name="Running">texts being continued</param>
/// <param name="Waiting">texts not begun, or preempted</param>
/// <param name="FreePages">pages that can be had</param>
/// <param name="Pages">pages in all</param>
/// <param name="Steps">passes through the model</param>
/// <param name="PromptTokens">read</param>
/// <param name="HeldTokens">of prompts, not read because they were held already</param>
/// <param name="NewTokens">generated</param>
/// <param name="Preemptions">times that a text gave its pages back before its end, for older ones to go on</param>
public sealed record BatchStatistics(
    int Running, int Waiting, int FreePages, int Pages, long Steps, long PromptTokens, long HeldTokens, long NewTokens, long Preemptions);

/// <summary>There is no room for another request: try again later.</summary>
public sealed class EngineBusyException(int waiting) : Exception($"{waiting} requests are waiting already, and no more may");
