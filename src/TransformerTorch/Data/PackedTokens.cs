namespace TransformerTorch.Data;

/// <summary>
/// A token file as fixed windows, documents packed end to end. A window holds its inputs and one token more: the last target. Windows of
/// an epoch do not overlap but in that token, so every token is a target once.
/// </summary>
/// <param name="file">The tokens.</param>
/// <param name="length">Inputs of a window: the model's sequence length.</param>
public sealed class PackedTokens(TokenFile file, int length)
{
    /// <summary>Inputs of a window.</summary>
    public int Length => length;

    /// <summary>The tokens.</summary>
    public TokenFile File => file;

    /// <summary>Windows when the first starts at <paramref name="offset"/>.</summary>
    public long Count(int offset = 0) => Math.Max(0, (file.Count - 1 - offset) / length);

    /// <summary>Copies a window.</summary>
    /// <param name="index">Which, from 0.</param>
    /// <param name="offset">Where the first window starts.</param>
    /// <param name="window">Room for <see cref="Length"/> + 1 ids.</param>
    public void Read(long index, int offset, Span<long> window) => file.Read(offset + index * length, window[..(length + 1)]);
}
