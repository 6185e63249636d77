using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using FsCheck.Xunit;
using TransformerTorch.Checkpoints;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Checkpoints;

/// <summary>Files of torch.save against what PyTorch itself reads from them (fixtures/checkpoints/make.py), and hostile ones.</summary>
public class PyTorchFileTests
{
    private static string Fixture(string name) => Path.Combine(Fixtures.Root, "checkpoints", name);

    [Theory]
    [InlineData("zip.bin", "expected.safetensors")]
    [InlineData("legacy.bin", "expected.safetensors")]
    [InlineData("protocol4.bin", "expected.safetensors")]
    [InlineData("untyped.bin", "untyped.safetensors")]
    [InlineData("big_endian.bin", "big_endian.safetensors")]
    public void Every_tensor_is_what_PyTorch_reads(string name, string expected)
    {
        using var scope = NewDisposeScope();
        using var truth = TensorFile.Open(Fixture(expected));
        using var file = TensorFile.Open(Fixture(name));
        Assert.Equal(truth.Tensors.Keys.Order(), file.Tensors.Keys.Order());
        foreach (var (tensor, entry) in truth.Tensors)
        {
            var (a, b) = (truth.Read(tensor), file.Read(tensor));
            Assert.Equal((a.dtype, string.Join(',', a.shape)), (b.dtype, string.Join(',', b.shape)));
            Assert.True(a.bytes.SequenceEqual(b.bytes), tensor);
        }
    }

    [Theory, InlineData("gpt2-legacy"), InlineData("gpt2-shards")]
    public void A_model_published_as_pytorch_model_bin_loads(string name)
    {
        using var scope = NewDisposeScope();
        using var truth = TensorFile.Open(Fixture("gpt2.safetensors"));
        using var model = ModelFolder.Load(Fixture(name));
        var loaded = WeightLoader.Published(model, model.Names).ToDictionary(w => w.Name, w => w.Tensor());
        Assert.Equal(truth.Tensors.Keys.Order(), loaded.Keys.Order());
        foreach (var (tensor, value) in loaded) TensorAssert.Close(truth.Read(tensor), value, within: 0);
    }

    [Fact]
    public void A_view_can_be_read_into_another_type()
    {
        using var scope = NewDisposeScope();
        using var file = TensorFile.Open(Fixture("legacy.bin"));
        var target = zeros(10, 6, ScalarType.Float64);
        file.CopyTo("transposed", target);
        TensorAssert.Close(arange(60, ScalarType.Float64).view(6, 10).t(), target, within: 0);
    }

    [Theory, InlineData("zip.bin"), InlineData("legacy.bin")]
    public void A_file_cut_anywhere_is_refused_by_name(string name)
    {
        using var folder = new TemporaryFolder();
        var whole = File.ReadAllBytes(Fixture(name));
        for (var length = 0; length < whole.Length; length += 7)
        {
            File.WriteAllBytes(folder["x"], whole[..length]);
            var error = Assert.Throws<CheckpointException>(() => TensorFile.Open(folder["x"]));
            Assert.StartsWith(folder["x"], error.Message, StringComparison.Ordinal);
        }
    }

    [Property(MaxTest = 400)]
    public void Any_change_of_bytes_reads_whole_or_is_refused_by_name(int position, byte value, bool legacy)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var content = File.ReadAllBytes(Fixture(legacy ? "legacy.bin" : "zip.bin"));
        content[(uint)position * 2654435761u % content.Length] = value;
        ReadAll(folder, content);
    }

    [Property(MaxTest = 400)]
    public void Any_pickle_reads_whole_or_is_refused_by_name(byte[] instructions)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        ReadAll(folder, Zip([.. instructions, (byte)'.']));
    }

    private static void ReadAll(TemporaryFolder folder, byte[] content)
    {
        File.WriteAllBytes(folder["x"], content);
        try
        {
            using var file = TensorFile.Open(folder["x"]);
            foreach (var name in file.Tensors.Keys) file.Read(name);
        }
        catch (CheckpointException error)
        {
            Assert.NotEmpty(error.Message);
        }
    }

    [Theory]
    [InlineData("cos\nsystem\n(S'echo'\ntR.", "asks for os.system, which weights do not need and which is not run")]
    [InlineData("c__builtin__\neval\n.", "asks for __builtin__.eval")]
    [InlineData("ctorch.nn.modules.linear\nLinear\n.", "asks for torch.nn.modules.linear.Linear")]
    [InlineData("ctorch\nload\n.", "asks for torch.load")]
    [InlineData("X\u0002\0\0\0osX\u0006\0\0\0system\u0093.", "asks for os.system")]
    [InlineData("}X\u0001\0\0\0aK\u0003s.", "a is no tensor")]
    [InlineData("}K\u0001K\u0003s.", "a tensor's name is no text")]
    [InlineData("].", "no dict of tensors")]
    [InlineData("}", "truncated")]
    [InlineData("X\u00ff\u00ff\u00ff\u007fa.", "truncated")]
    [InlineData("\u008b\u00ff\u00ff\u00ff\u007fa.", "a number of 2147483647 bytes")]
    [InlineData("K\u0001R.", "damaged")]
    [InlineData("K\u0001K\u0002R.", "where a call is due stands something else")]
    [InlineData("h\u0007.", "a remembered value")]
    [InlineData("K\u0001}b.", "an object's state")]
    [InlineData("t.", "damaged")]
    [InlineData("P123\n.", "an instruction 0x50")]
    [InlineData("i os\nsystem\n.", "an instruction 0x69")]
    [InlineData("}X\u0001\0\0\0a(X\u0007\0\0\0storagectorch\nFloatStorage\nX\u0001\0\0\00X\u0003\0\0\0cpuK\u0002tQs.", "a is no tensor")]
    public void A_pickle_that_is_no_weights_is_named_and_nothing_runs(string pickle, string message)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["x"], Zip(Encoding.Latin1.GetBytes(pickle)));
        var error = Assert.Throws<CheckpointException>(() => TensorFile.Open(folder["x"]));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(folder["x"], error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, new long[] { 2 }, new long[] { 1 }, "")]
    [InlineData(1, new long[] { 2 }, new long[] { 1 }, "lies outside of its storage of 8 bytes")]
    [InlineData(0, new long[] { 2 }, new long[] { 2 }, "lies outside")]
    [InlineData(-1, new long[] { 2 }, new long[] { 1 }, "this cannot be")]
    [InlineData(0, new long[] { -2 }, new long[] { 1 }, "this cannot be")]
    [InlineData(1, new long[] { 2 }, new long[] { -1 }, "this cannot be")]
    [InlineData(0, new long[] { 2, 1 }, new long[] { 1 }, "this cannot be")]
    [InlineData(0, new long[] { 1L << 62, 1L << 62, 1L << 62 }, new long[] { 1, 1, 1 }, "lies outside")]
    [InlineData(0, new long[] { 1L << 40, 2 }, new long[] { 0, 1 }, "repeats its few elements too often")]
    public void A_tensor_stays_inside_of_its_storage(long offset, long[] shape, long[] strides, string message)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        File.WriteAllBytes(folder["x"], Zip(OneTensor(offset, shape, strides), storage: new byte[8]));
        if (message == "")
        {
            using var file = TensorFile.Open(folder["x"]);
            Assert.Equal([0, 0], file.Read("a").data<float>().ToArray());
            return;
        }
        var error = Assert.Throws<CheckpointException>(() => TensorFile.Open(folder["x"]));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("}")] // values that nothing takes
    [InlineData("\u0085")] // tuples in tuples, on which a recursive reader would overflow
    [InlineData("Nr\0\0\0\u007f0")] // a memory of far places
    public void A_bomb_of_instructions_ends_at_the_limit(string unit)
    {
        using var folder = new TemporaryFolder();
        var bomb = Enumerable.Repeat(Encoding.Latin1.GetBytes(unit), 4_000_001).SelectMany(b => b);
        File.WriteAllBytes(folder["x"], Zip([(byte)'N', .. bomb, (byte)'.']));
        var error = Assert.Throws<CheckpointException>(() => TensorFile.Open(folder["x"]));
        Assert.Contains("over 4000000 instructions", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_compressed_archive_reads_as_a_stored_one()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        byte[] storage = [0, 0, 128, 63, 0, 0, 0, 64];
        File.WriteAllBytes(folder["x"], Zip(OneTensor(0, [2], [1]), storage, CompressionLevel.SmallestSize));
        using var file = TensorFile.Open(folder["x"]);
        Assert.Equal([1, 2], file.Read("a").data<float>().ToArray());
        Assert.Equal(folder["x"], file.Path);
    }

    [Fact]
    public void An_archive_that_unpacks_to_far_more_than_weights_is_named()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["x"], Zip(OneTensor(0, [2], [1]), new byte[4 << 20], CompressionLevel.SmallestSize));
        var error = Assert.Throws<CheckpointException>(() => TensorFile.Open(folder["x"]));
        Assert.Contains("unpack to", error.Message, StringComparison.Ordinal);
        Assert.StartsWith(folder["x"], error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_training_run_s_file_gives_its_state_dict()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var before = Encoding.Latin1.GetBytes("}X\u0005\0\0\0epochK\u0003sX\u000a\0\0\0state_dict");
        byte[] wrapped = [.. before, .. OneTensor(0, [2], [1])[..^1], .. "s."u8];
        File.WriteAllBytes(folder["x"], Zip(wrapped, storage: [0, 0, 128, 63, 0, 0, 0, 64]));
        using var file = TensorFile.Open(folder["x"]);
        Assert.Equal([1, 2], file.Read("a").data<float>().ToArray());
        Assert.Equal(["a"], file.Tensors.Keys);
    }

    [Fact]
    public void A_plain_pickle_is_named()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["x"], [0x80, 2, .. "X\u0004\0\0\0abcd."u8]);
        var error = Assert.Throws<CheckpointException>(() => TensorFile.Open(folder["x"]));
        Assert.Contains("a pickle that torch.save did not write", error.Message, StringComparison.Ordinal);
    }

    /// <summary>An archive as torch.save writes it: x/data.pkl, and perhaps one storage.</summary>
    private static byte[] Zip(byte[] pickle, byte[]? storage = null, CompressionLevel level = CompressionLevel.NoCompression)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            Add("x/data.pkl", pickle);
            if (storage is not null) Add("x/data/0", storage);

            void Add(string name, byte[] content)
            {
                using var entry = zip.CreateEntry(name, level).Open();
                entry.Write(content);
            }
        }
        return stream.ToArray();
    }

    /// <summary>{"a": a float tensor in storage "0" of two elements}</summary>
    private static byte[] OneTensor(long offset, long[] shape, long[] strides)
    {
        var pickle = new MemoryStream();
        Write("}X\u0001\0\0\0actorch._utils\n_rebuild_tensor_v2\n(");
        Write("(X\u0007\0\0\0storagectorch\nFloatStorage\nX\u0001\0\0\00X\u0003\0\0\0cpuK\u0002tQ");
        Number(offset);
        Tuple(shape);
        Tuple(strides);
        Write("\u0089NtRs.");
        return pickle.ToArray();

        void Write(string text) => pickle.Write(Encoding.Latin1.GetBytes(text));
        void Number(long value)
        {
            var bytes = new byte[10];
            (bytes[0], bytes[1]) = (0x8a, 8);
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(2), value);
            pickle.Write(bytes);
        }
        void Tuple(long[] values)
        {
            Write("(");
            foreach (var value in values) Number(value);
            Write("t");
        }
    }
}
