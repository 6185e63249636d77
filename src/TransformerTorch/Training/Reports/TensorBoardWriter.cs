using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace TransformerTorch.Training.Reports;

/// <summary>
/// A file of TensorBoard events: scalars and texts over steps. Records are framed as TFRecord frames them (length, masked CRC-32C of it,
/// data, masked CRC-32C of those), the events as tensorflow/core/util/event.proto has them.
/// </summary>
public sealed class TensorBoardWriter : IDisposable
{
    private static int s_files;
    private readonly FileStream _file;

    /// <summary>Begins a new file in a folder.</summary>
    /// <param name="folder">made if it is not there</param>
    /// <param name="step">steps done before: what older files hold beyond them does not count any more</param>
    public TensorBoardWriter(string folder, long step = 0)
    {
        Directory.CreateDirectory(folder);
        var seconds = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var name = $"events.out.tfevents.{seconds}.{Environment.MachineName}.{Environment.ProcessId}.{Interlocked.Increment(ref s_files)}";
        _file = new FileStream(Path.Combine(folder, name), FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        Write(0, new Message().Text(3, "brain.Event:2"));
        if (step > 0) Write(step + 1, new Message().Inner(7, new Message().Number(1, 1))); // SessionLog.START
    }

    /// <summary>Adds a value.</summary>
    public void Scalar(string tag, long step, double value)
        => Write(step, new Message().Inner(5, new Message().Inner(1, new Message().Text(1, tag).Single(2, (float)value))));

    /// <summary>Adds a text, which TensorBoard shows as Markdown.</summary>
    public void Note(string tag, long step, string text)
    {
        var kind = new Message().Inner(1, new Message().Text(1, "text"));
        var tensor = new Message().Number(1, 7).Inner(2, new Message()).Text(8, text); // DT_STRING, no dimensions
        Write(step, new Message().Inner(5, new Message().Inner(1, new Message().Text(1, tag).Inner(9, kind).Inner(8, tensor))));
    }

    /// <summary>Lets readers see what was added.</summary>
    public void Flush() => _file.Flush();

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void Write(long step, Message what)
    {
        var data = new Message().Double(1, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1e3).Number(2, step).Append(what).Bytes;
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, data.Length);
        _file.Write(length);
        WriteChecksum(length);
        _file.Write(data);
        WriteChecksum(data);
    }

    private void WriteChecksum(ReadOnlySpan<byte> data)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Masked(data));
        _file.Write(bytes);
    }

    /// <summary>CRC-32C (Castagnoli), rotated and moved, as records of records need it.</summary>
    internal static uint Masked(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var b in data) crc = BitOperations.Crc32C(crc, b);
        crc = ~crc;
        return BitOperations.RotateRight(crc, 15) + 0xa282ead8;
    }

    /// <summary>A Protocol Buffers message in the making: fields by number.</summary>
    private sealed class Message
    {
        private readonly ArrayBufferWriter<byte> _bytes = new();

        public ReadOnlySpan<byte> Bytes => _bytes.WrittenSpan;

        public Message Number(int field, long value)
        {
            Key(field, wire: 0);
            return Varint((ulong)value);
        }

        public Message Double(int field, double value)
        {
            Key(field, wire: 1);
            _bytes.Write(BitConverter.GetBytes(value));
            return this;
        }

        public Message Single(int field, float value)
        {
            Key(field, wire: 5);
            _bytes.Write(BitConverter.GetBytes(value));
            return this;
        }

        public Message Text(int field, string value) => Block(field, Encoding.UTF8.GetBytes(value));

        public Message Inner(int field, Message value) => Block(field, value.Bytes);

        public Message Append(Message other)
        {
            _bytes.Write(other.Bytes);
            return this;
        }

        private Message Block(int field, ReadOnlySpan<byte> bytes)
        {
            Key(field, wire: 2);
            Varint((ulong)bytes.Length);
            _bytes.Write(bytes);
            return this;
        }

        private void Key(int field, int wire) => Varint((ulong)((field << 3) | wire));

        private Message Varint(ulong value)
        {
            for (; value >= 0x80; value >>= 7) _bytes.Write([(byte)(value | 0x80)]);
            _bytes.Write([(byte)value]);
            return this;
        }
    }
}
