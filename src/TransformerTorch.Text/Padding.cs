namespace TransformerTorch.Text;

/// <summary>Filling up to a length.</summary>
public sealed record Padding
{
    /// <summary>The length, or null for that of the longest encoding of the batch.</summary>
    public int? Length { get; init; }

    /// <summary>The length is raised to a multiple of this.</summary>
    public int? MultipleOf { get; init; }

    /// <summary>Where the padding goes.</summary>
    public Side Side { get; init; } = Side.Right;

    /// <summary>The padding token's id.</summary>
    public int Id { get; init; }

    /// <summary>The padding token's type id.</summary>
    public int TypeId { get; init; }

    /// <summary>The padding token.</summary>
    public string Token { get; init; } = "[PAD]";
}
