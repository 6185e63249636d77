using System.Buffers.Binary;
using System.Text;
using FsCheck.Xunit;
using TransformerTorch.Checkpoints;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Checkpoints;

/// <summary>The safetensors format: what is written is read back, what is damaged is named.</summary>
public class SafeTensorsTests
{
    private const string Two =
        """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[1,3],"data_offsets":[8,11]}}""";

    [Fact]
    public void Tensors_of_every_type_and_shape_come_back_bit_for_bit()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        ScalarType[] types = [ScalarType.Float64, ScalarType.Float32, ScalarType.Float16, ScalarType.BFloat16, ScalarType.Int64,
            ScalarType.Int32, ScalarType.Int16, ScalarType.Int8, ScalarType.Byte, ScalarType.Bool, ScalarType.ComplexFloat32];
        var tensors = types.Select((t, i) => ($"t.{i}", randn(3, 4).mul(50).to(t))).ToList();
        tensors.AddRange([("scalar", tensor(1.5f)), ("empty", zeros(0, 7)), ("transposed", randn(5, 3).t()), ("naïve \"名\"", ones(1))]);

        SafeTensorsWriter.Write(folder["x.safetensors"], [.. tensors.Select(t => (t.Item1, (Func<Tensor>)(() => t.Item2.alias())))],
            new Dictionary<string, string> { ["step"] = "3" });
        using var file = TensorFile.Open(folder["x.safetensors"]);

        Assert.Equal(tensors.Select(t => t.Item1), file.Tensors.Keys);
        Assert.Equal(("pt", "3"), (file.Metadata["format"], file.Metadata["step"]));
        foreach (var (name, expected) in tensors)
        {
            var read = file.Read(name);
            Assert.Equal((expected.dtype, string.Join(',', expected.shape)), (read.dtype, string.Join(',', read.shape)));
            Assert.Equal(expected.contiguous().bytes.ToArray(), read.bytes.ToArray());
        }
        Assert.Equal(["x.safetensors"], Directory.GetFiles(folder.Root).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("""[1]""", 0, "does not begin with {")]
    [InlineData("""{"a":1}""", 0, "damaged")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", 8, "damaged")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", 8, "tensor a: data_offsets")]
    [InlineData("""{"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}""", 8, "tensor a: unknown type F99")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "tensor a: F32 of (3) does not take bytes 0 to 8")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2,-1],"data_offsets":[0,8]}}""", 8, "tensor a: a negative dimension")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296,4294967296],"data_offsets":[0,0]}}""", 0,
        "does not take bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "tensor a: bytes 8 to 0 are no range")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", 8, "tensor a: bytes -8 to 0 are no range")]
    [InlineData("""{"a":{"dtype":"F32","shape":[0],"data_offsets":[9223372036854775807,9223372036854775807]}}""", 0, "damaged")]
    [InlineData("""{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}}""", 8, "damaged")]
    [InlineData("""{"__metadata__":{"step":3}}""", 0, "damaged")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""", 8, "tensor a: bytes 4 to 8 leave a hole")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}""", 6,
        "tensor b: bytes 2 to 6")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""", 8,
        "damaged")]
    [InlineData(Two, 10, "truncated: the tensors take 11 bytes, there are 10")]
    [InlineData(Two, 12, "damaged: the tensors take 11 bytes, there are 12")]
    public void A_malformed_file_is_refused_with_its_name_and_the_tensors(string header, int data, string message)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["bad.safetensors"], Bytes(header, data));
        var error = Assert.Throws<CheckpointException>(() => TensorFile.Open(folder["bad.safetensors"]));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(folder["bad.safetensors"], error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[0], "0 bytes are no safetensors file")]
    [InlineData(new byte[] { 1, 2, 3 }, "3 bytes are no safetensors file")]
    [InlineData(new byte[] { 0x80, 0x96, 0x98, 0, 0, 0, 0, 1, (byte)'{' }, "at most 100000000 are allowed")]
    [InlineData(new byte[] { 200, 0, 0, 0, 0, 0, 0, 0, (byte)'{' }, "truncated: the header has 200 bytes, the file 9")]
    public void What_is_no_safetensors_file_is_refused(byte[] content, string message)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["bad"], content);
        var error = Assert.Throws<CheckpointException>(() => TensorFile.Open(folder["bad"]));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Property(MaxTest = 300)]
    public void Any_change_of_bytes_reads_whole_or_is_refused_by_name(int position, byte value, bool cut)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var content = Bytes(Two, 11);
        var at = (int)((uint)position % content.Length);
        content[at] = value;
        File.WriteAllBytes(folder["x"], cut ? content[..at] : content);
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
    [InlineData("F8_E4M3", 1, new byte[] { 0x38, 0xC0, 0x7E }, new[] { 1f, -2f, 448f })]
    [InlineData("F8_E5M2", 1, new byte[] { 0x3C, 0xC0, 0x7B }, new[] { 1f, -2f, 57344f })]
    [InlineData("U16", 2, new byte[] { 1, 0, 0xFF, 0xFF, 0, 0x80 }, new[] { 1f, 65535f, 32768f })]
    [InlineData("BF16", 2, new byte[] { 0x80, 0x3F, 0, 0xC0, 0, 0 }, new[] { 1f, -2f, 0f })]
    public void Types_that_TorchSharp_does_not_name_have_libtorchs_values(string type, int bytes, byte[] data, float[] expected)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var header = $$$"""{"a":{"dtype":"{{{type}}}","shape":[3],"data_offsets":[0,{{{3 * bytes}}}]}}""";
        File.WriteAllBytes(folder["x"], [.. Bytes(header, 0), .. data]);
        using var file = TensorFile.Open(folder["x"]);
        Assert.Equal(expected, file.Read("a").to(ScalarType.Float32).data<float>().ToArray());
    }

    [Theory, InlineData(ScalarType.Float32), InlineData(ScalarType.BFloat16)]
    public void Elements_come_in_order_into_a_target_of_another_shape_and_any_strides(ScalarType type)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var values = arange(24, ScalarType.Float32);
        SafeTensorsWriter.Write(folder["x"], [("a", () => values.view(6, 4))]);
        using var file = TensorFile.Open(folder["x"]);
        var target = zeros(3, 2, 4, type).transpose(0, 1); // (2, 3, 4), as heads stand among rows
        file.CopyTo("a", target);
        TensorAssert.Close(values.view(2, 3, 4), target, within: 0);
        Assert.Throws<ArgumentException>(() => file.CopyTo("a", zeros(5)));
    }

    [Fact]
    public void A_type_that_libtorch_lacks_is_named_when_it_is_asked_for()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["x"], Bytes("""{"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}}""", 2));
        using var file = TensorFile.Open(folder["x"]);
        Assert.Equal("tensor a: libtorch has no type for F4", Assert.Throws<CheckpointException>(() => file.Read("a")).Message);
    }

    [SkippableFact]
    public void A_mapped_tensor_is_the_files_own_pages_and_writing_to_it_leaves_the_file_as_it_is()
    {
        Skip.IfNot(TransformerTorch.Tensors.NativeBridge.IsAvailable, "mapping needs the native bridge");
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        SafeTensorsWriter.Write(folder["x"], [("skewed", () => ones(3, ScalarType.Byte)), ("a", () => arange(5, ScalarType.Float32))]);
        var before = File.ReadAllBytes(folder["x"]);
        Tensor mapped;
        using (var file = TensorFile.Open(folder["x"]))
        {
            Assert.Null(file.Map("a"));
            SafeTensorsWriter.Write(folder["y"], [("a", () => file.Read("a"))]);
        }
        using (var file = TensorFile.Open(folder["y"])) mapped = file.Map("a")!;
        Assert.Equal([0, 1, 2, 3, 4], mapped.data<float>().ToArray());
        mapped.mul_(2);
        Assert.Equal([0, 2, 4, 6, 8], mapped.data<float>().ToArray());
        Assert.Equal(before, File.ReadAllBytes(folder["x"]));
        using var again = TensorFile.Open(folder["y"]);
        Assert.Equal([0, 1, 2, 3, 4], again.Read("a").data<float>().ToArray());
    }

    [Fact]
    public void A_failed_write_leaves_the_old_file_and_nothing_beside_it()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        SafeTensorsWriter.Write(folder["x"], [("a", () => ones(2))]);
        var before = File.ReadAllBytes(folder["x"]);
        var asked = 0;
        Tensor Failing() => asked++ == 0 ? ones(2) : throw new IOException("disk full");
        Assert.Throws<IOException>(() => SafeTensorsWriter.Write(folder["x"], [("a", () => ones(2)), ("b", Failing)]));
        Assert.Equal(before, File.ReadAllBytes(folder["x"]));
        Assert.Single(Directory.GetFiles(folder.Root));
    }

    private static byte[] Bytes(string header, int data)
    {
        var json = Encoding.UTF8.GetBytes(header);
        var bytes = new byte[8 + json.Length + data];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, json.Length);
        json.CopyTo(bytes, 8);
        return bytes;
    }
}
