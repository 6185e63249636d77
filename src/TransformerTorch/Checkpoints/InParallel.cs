using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace TransformerTorch.Checkpoints;

/// <summary>Work on several items at once, begun in their order.</summary>
internal static class InParallel
{
    /// <summary>Does it for each; what one of them throws is thrown here as it is.</summary>
    /// <param name="items">the items</param>
    /// <param name="action">what is done</param>
    /// <param name="atOnce">the most at one time; -1: as many as there are processors</param>
    public static void ForEach<T>(IEnumerable<T> items, Action<T> action, int atOnce = -1)
    {
        try
        {
            Parallel.ForEach(Partitioner.Create(items, EnumerablePartitionerOptions.NoBuffering),
                new ParallelOptions { MaxDegreeOfParallelism = atOnce }, action);
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.Flatten().InnerExceptions[0]);
        }
    }
}
