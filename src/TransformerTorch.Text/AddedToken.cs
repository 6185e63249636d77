namespace TransformerTorch.Text;

/// <summary>A token that is matched in the text before the model sees it.</summary>
/// <param name="Content">What is matched, exactly.</param>
public sealed record AddedToken(string Content)
{
    /// <summary>Matches only where no word character stands beside it.</summary>
    public bool SingleWord { get; init; }

    /// <summary>Takes the white space on its left with it.</summary>
    public bool LeftStrip { get; init; }

    /// <summary>Takes the white space on its right with it.</summary>
    public bool RightStrip { get; init; }

    /// <summary>Is matched, itself normalized, in the normalized text; otherwise in the text as given.</summary>
    public bool Normalized { get; init; } = true;

    /// <summary>Is left out when decoding without special tokens.</summary>
    public bool Special { get; init; }

    /// <summary>A special token as trainers and model files declare them: matched in the text as given.</summary>
    public static AddedToken SpecialToken(string content) => new(content) { Special = true, Normalized = false };
}
