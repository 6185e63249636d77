namespace TransformerTorch.Text;

/// <summary>The special tokens that a model folder names, each null where it names none.</summary>
public sealed record SpecialTokens
{
    /// <summary>Begins a text.</summary>
    public string? Bos { get; init; }

    /// <summary>Ends a text.</summary>
    public string? Eos { get; init; }

    /// <summary>Stands for what the vocabulary cannot say.</summary>
    public string? Unk { get; init; }

    /// <summary>Stands between two texts.</summary>
    public string? Sep { get; init; }

    /// <summary>Fills up short texts.</summary>
    public string? Pad { get; init; }

    /// <summary>Stands before the text, for its class.</summary>
    public string? Cls { get; init; }

    /// <summary>Stands for a hidden token.</summary>
    public string? Mask { get; init; }

    /// <summary>Other special tokens, in the folder's order.</summary>
    public IReadOnlyList<string> Extra { get; init; } = [];

    /// <summary>Role and token of those that are named, "bos" first.</summary>
    internal IEnumerable<(string Role, string Token)> ByRole()
    {
        (string Role, string? Token)[] all =
            [("bos", Bos), ("eos", Eos), ("unk", Unk), ("sep", Sep), ("pad", Pad), ("cls", Cls), ("mask", Mask)];
        return all.Where(role => role.Token is not null).Select(role => (role.Role, role.Token!));
    }
}
