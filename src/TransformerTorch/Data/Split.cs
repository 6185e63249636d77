using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace TransformerTorch.Data;

/// <summary>Which part of the data a document belongs to, by a hash of its key: stable when documents are added or reordered.</summary>
public static class Split
{
    /// <summary>True where the document is held out for validation.</summary>
    /// <param name="document">The document.</param>
    /// <param name="fraction">The held-out share, 0 to 1.</param>
    public static bool IsValidation(Document document, double fraction)
        => fraction > 0 && XxHash3.HashToUInt64(MemoryMarshal.AsBytes(document.Key.AsSpan())) < fraction * Math.Pow(2, 64);
}
