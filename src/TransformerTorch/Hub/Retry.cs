namespace TransformerTorch.Hub;

/// <summary>Further attempts at what fails for the moment, with growing pauses or those that the hub asks for.</summary>
internal static class Retry
{
    private static readonly TimeSpan s_longest = TimeSpan.FromMinutes(1);

    /// <summary>It failed for the moment, but was further than before: the count of attempts starts again.</summary>
    public sealed class Advanced(HubBusyException inner) : Exception(inner.Message, inner);

    /// <summary>Runs an action until it succeeds, fails for good, or has been tried often enough.</summary>
    /// <exception cref="HubException">It has been tried often enough.</exception>
    public static async Task<T> Run<T>(Func<Task<T>> action, HubOptions options, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await action().ConfigureAwait(false);
            }
            catch (Advanced)
            {
                attempt = 1;
                await Task.Delay(options.Pause, cancellation).ConfigureAwait(false);
            }
            catch (HubBusyException e) when (attempt < options.Attempts)
            {
                var pause = e.After ?? options.Pause * Math.Pow(2, attempt - 1);
                await Task.Delay(TimeSpan.FromTicks(Math.Clamp(pause.Ticks, 0, s_longest.Ticks)), cancellation).ConfigureAwait(false);
            }
            catch (HubBusyException e)
            {
                throw new HubException($"{e.Message} ({attempt} attempts)", e);
            }
        }
    }
}
