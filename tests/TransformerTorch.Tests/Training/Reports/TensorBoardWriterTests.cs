using System.Buffers.Binary;
using System.Text;
using TransformerTorch.Training.Reports;
using TransformerTorch.Tests.Support;

namespace TransformerTorch.Tests.Training.Reports;

/// <summary>TensorBoard events. Truth: RFC 3720's CRC-32C, the published framing and field numbers, read by hand here.</summary>
public sealed class TensorBoardWriterTests
{
    [Theory]
    [InlineData("", 0x00000000u)]
    [InlineData("123456789", 0xe3069283u)]
    public void Checksums_are_CRC_32C_masked_as_records_need_it(string text, uint crc)
        => Assert.Equal(unchecked(((crc >> 15) | (crc << 17)) + 0xa282ead8u), TensorBoardWriter.Masked(Encoding.ASCII.GetBytes(text)));

    [Fact]
    public void Scalars_are_read_back_with_their_tags_steps_and_values()
    {
        using var folder = new TemporaryFolder();
        using (var writer = new TensorBoardWriter(folder.Root))
        {
            writer.Scalar("train/loss", 10, 2.5);
            writer.Scalar("train/loss", 300, -0.125);
            writer.Note("samples/a", 300, "text with ümlaut");
        }

        var records = Records(File.ReadAllBytes(Directory.GetFiles(folder.Root).Single()));

        Assert.Contains("tfevents", Path.GetFileName(Directory.GetFiles(folder.Root).Single()), StringComparison.Ordinal);
        Assert.Equal(4, records.Count);
        Assert.Equal("brain.Event:2", Encoding.UTF8.GetString(Bytes(records[0], 3)));
        Assert.Equal(("train/loss", 10L, 2.5f), Scalar(records[1]));
        Assert.Equal(("train/loss", 300L, -0.125f), Scalar(records[2]));
        Assert.Contains("text with ümlaut", Encoding.UTF8.GetString(records[3]), StringComparison.Ordinal);
    }

    [Fact]
    public void Resumed_run_tells_readers_to_forget_what_comes_after_its_checkpoint()
    {
        using var folder = new TemporaryFolder();
        new TensorBoardWriter(folder.Root, step: 7).Dispose();

        var restart = Records(File.ReadAllBytes(Directory.GetFiles(folder.Root).Single()))[1];

        Assert.Equal(8, Number(restart, 2));
        Assert.Equal(1, Number(Bytes(restart, 7), 1)); // SessionLog.START
    }

    private static (string Tag, long Step, float Value) Scalar(byte[] message)
    {
        var value = Bytes(Bytes(message, 5), 1);
        return (Encoding.UTF8.GetString(Bytes(value, 1)), Number(message, 2), BitConverter.ToSingle(Bytes(value, 2)));
    }

    private static List<byte[]> Records(byte[] file)
    {
        var records = new List<byte[]>();
        for (var at = 0; at < file.Length;)
        {
            var length = (int)BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(at));
            Assert.Equal(TensorBoardWriter.Masked(file.AsSpan(at, 8)), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 8)));
            var data = file[(at + 12)..(at + 12 + length)];
            Assert.Equal(TensorBoardWriter.Masked(data), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 12 + length)));
            records.Add(data);
            at += 16 + length;
        }
        return records;
    }

    private static long Number(byte[] message, int field) => (long)Fields(message).First(f => f.Field == field).Number;

    private static byte[] Bytes(byte[] message, int field) => Fields(message).First(f => f.Field == field).Bytes;

    private static IEnumerable<(int Field, ulong Number, byte[] Bytes)> Fields(byte[] message)
    {
        for (var at = 0; at < message.Length;)
        {
            var key = Varint(message, ref at);
            var (number, length) = (key & 7) switch
            {
                0 => (Varint(message, ref at), 0), 1 => (0UL, 8), 2 => (0UL, (int)Varint(message, ref at)), _ => (0UL, 4),
            };
            yield return ((int)(key >> 3), number, message[at..(at + length)]);
            at += length;
        }
    }

    private static ulong Varint(byte[] message, ref int at)
    {
        var value = 0UL;
        for (var shift = 0; ; shift += 7)
        {
            var b = message[at++];
            value |= (ulong)(b & 0x7f) << shift;
            if (b < 0x80) return value;
        }
    }
}
