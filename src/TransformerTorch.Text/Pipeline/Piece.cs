namespace TransformerTorch.Text.Pipeline;

/// <summary>A part of the text under way, and the part of the original that it came from.</summary>
/// <param name="Start">First byte in the text under way.</param>
/// <param name="End">Byte behind the last.</param>
/// <param name="OriginalStart">First byte in the original.</param>
/// <param name="OriginalEnd">Byte behind the last in the original.</param>
internal readonly record struct Piece(int Start, int End, int OriginalStart, int OriginalEnd)
{
    /// <summary>The added token that this piece is, or -1: then it is still to be cut.</summary>
    public int Id { get; init; } = -1;

    /// <summary>The text of an added token as it stood when it was matched.</summary>
    public string? Value { get; init; }

    public bool IsToken => Id >= 0;
}
