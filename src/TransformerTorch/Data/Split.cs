using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace TransformerTorch.Data;

/// <summary>Which part of the data a document belongs to, by a hash of its key: stable when documents are added or reordered.</summary>
public static class Split
{
    /// <summary>True where the document is held out for validation.</summary>
    /// <param name="document">The document.</param>
    /// <param name="fraction">The held-out share, 0 to 1.</param>
    public static bool IsValidation(Document document, double fraction)
    {
        if (fraction <= 0) return false;
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(document.Key), hash);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash) < fraction * Math.Pow(2, 64);
    }
}
