namespace TorchSharp.Utils;

/// <summary>Whole numbers of no fixed length, seven bits a byte, the lowest first.</summary>
internal static class LEB128Codec
{
    internal static void Encode(this BinaryWriter writer, long value) => writer.Write7BitEncodedInt64(value);

    internal static long Decode(this BinaryReader reader) => reader.Read7BitEncodedInt64();
}
