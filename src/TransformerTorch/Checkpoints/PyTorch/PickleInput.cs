using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace TransformerTorch.Checkpoints.PyTorch;

/// <summary>The bytes of pickles in a file, read one after the other; never more than there are, whatever lengths they claim.</summary>
/// <param name="stream">stands where the first pickle begins</param>
/// <param name="end">where the bytes end in the stream</param>
/// <param name="path">the file, for messages</param>
internal sealed class PickleInput(Stream stream, long end, string path)
{
    private const int MostLine = 1000;
    private const long Most = 100_000_000; // bytes, as a safetensors header may have
    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private long _left = Most;

    public long Position => stream.Position;

    public byte Byte()
    {
        Take(1);
        return (byte)stream.ReadByte();
    }

    public int Number16() => BinaryPrimitives.ReadUInt16LittleEndian(Bytes(2));

    public int Number32() => BinaryPrimitives.ReadInt32LittleEndian(Bytes(4));

    public long Number64() => BinaryPrimitives.ReadInt64LittleEndian(Bytes(8));

    public double Double() => BinaryPrimitives.ReadDoubleBigEndian(Bytes(8));

    public byte[] Bytes(long count)
    {
        Take(count);
        var result = new byte[count];
        stream.ReadExactly(result);
        return result;
    }

    /// <summary>Passes over what is no pickle.</summary>
    public void Skip(long count)
    {
        if (count < 0 || count > end - Position) throw Truncated();
        stream.Position += count;
    }

    public string Text(long count)
    {
        try
        {
            return s_strict.GetString(Bytes(count));
        }
        catch (ArgumentException e)
        {
            throw new CheckpointException($"{path}: the pickle holds a text that is not UTF-8, before byte {Position}", e);
        }
    }

    /// <summary>A text up to the end of the line.</summary>
    public string Line()
    {
        var line = new StringBuilder();
        for (var b = Byte(); b != (byte)'\n'; b = Byte())
        {
            line.Append((char)b);
            if (line.Length > MostLine) throw Wrong($"a line of over {MostLine} bytes");
        }
        return line.ToString();
    }

    /// <summary>A whole number of so many bytes, the lowest first: a long, or a BigInteger where it is wider.</summary>
    public object Integer(int count)
    {
        if (count is < 0 or > 32) throw Wrong($"a number of {count} bytes");
        var number = new BigInteger(Bytes(count));
        if (count > sizeof(long)) return number;
        return (long)number;
    }

    public CheckpointException Wrong(string what) => new($"{path}: the pickle is damaged or no weights: {what}, at byte {Position}");

    private void Take(long count)
    {
        if (count < 0 || count > end - Position) throw Truncated();
        if ((_left -= count) < 0) throw Wrong($"over {Most} bytes");
    }

    private CheckpointException Truncated() => new($"{path}: truncated: the pickle ends in the middle, at byte {Position}");
}
