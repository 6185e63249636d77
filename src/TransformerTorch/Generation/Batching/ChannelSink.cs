using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace TransformerTorch.Generation.Batching;

/// <summary>
/// Carries what becomes of tokens from the engine's thread to who reads it. A slow reader holds nobody up: what waits for it is bounded by
/// its text's most tokens.
/// </summary>
/// <param name="accept">makes items of a token and writes them; true ends the text</param>
/// <param name="finish">writes what is left when all tokens have come; none: nothing</param>
internal sealed class ChannelSink<T>(Func<GeneratedToken, Action<T>, bool> accept, Action<Action<T>>? finish = null) : ITokenSink
{
    private readonly Channel<T> _channel = Channel.CreateUnbounded<T>(new() { SingleReader = true, SingleWriter = true });

    public bool Accept(GeneratedToken token) => accept(token, Write);

    public void Complete(Exception? error)
    {
        if (error is null) finish?.Invoke(Write);
        _channel.Writer.TryComplete(error);
    }

    /// <summary>Begins the sequence and gives the items. It is cancelled when its reader leaves before its end.</summary>
    public async IAsyncEnumerable<T> Read(
        BatchEngine engine, Sequence sequence, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        engine.Submit(sequence);
        try
        {
            await foreach (var item in _channel.Reader.ReadAllAsync(cancellation).ConfigureAwait(false)) yield return item;
        }
        finally
        {
            sequence.Cancel();
        }
    }

    private void Write(T item) => _channel.Writer.TryWrite(item);
}
