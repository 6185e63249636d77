using System.Globalization;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace TorchSharp;

/// <summary>Conversions, TorchSharp's own file format for tensors, and printing.</summary>
public static class TensorExtensionMethods
{
    public static Modules.Parameter AsParameter(this Tensor tensor) => new(tensor);

    public static ReadOnlySpan<int> IntShape(this Tensor tensor) => Array.ConvertAll(tensor.shape, s => (int)s);

    public static long TotalSize(this IEnumerable<long> shape) => shape.Aggregate(1L, (product, s) => product * s);

    public static int ElementSize(this ScalarType type) => type switch {
        ScalarType.Byte or ScalarType.Int8 or ScalarType.Bool or ScalarType.QInt8 or ScalarType.QUInt8 => 1,
        ScalarType.Int16 or ScalarType.Float16 or ScalarType.BFloat16 => 2,
        ScalarType.Int32 or ScalarType.Float32 or ScalarType.QInt32 => 4,
        ScalarType.Int64 or ScalarType.Float64 or ScalarType.ComplexFloat32 => 8,
        ScalarType.ComplexFloat64 => 16,
        // libtorch's numbers for types that have no name here: float8, and unsigned ones.
        (ScalarType)23 or (ScalarType)24 or (ScalarType)25 or (ScalarType)26 => 1,
        (ScalarType)27 => 2,
        (ScalarType)28 => 4,
        (ScalarType)29 => 8,
        _ => throw new NotSupportedException($"The size of {type} is not known."),
    };

    /// <summary>A tensor of no dimensions.</summary>
    public static Tensor ToTensor<T>(this T scalar, Device? device = null, bool requires_grad = false) where T : struct => scalar switch {
        byte v => tensor(v, device, requires_grad),
        sbyte v => tensor(v, device, requires_grad),
        short v => tensor(v, device, requires_grad),
        int v => tensor(v, device, requires_grad),
        long v => tensor(v, null, device, requires_grad),
        Half v => scalar_tensor(v, ScalarType.Float16, device).with_requires_grad(requires_grad),
        BFloat16 v => tensor(v, null, device, requires_grad),
        float v => tensor(v, device, requires_grad),
        double v => tensor(v, null, device, requires_grad),
        bool v => tensor(v, null, device, requires_grad),
        _ => throw new NotSupportedException($"{typeof(T).Name} is not the element type of any tensor."),
    };

    public static Tensor ToTensor<T>(this T[] rawArray, long[] dimensions, bool doCopy = false, bool requires_grad = false) =>
        from_array(doCopy ? (T[])rawArray.Clone() : rawArray, null, CPU, requires_grad).reshape(dimensions);

    public static Half ToHalf(this Tensor value) => value.ToScalar().ToHalf();
    public static BFloat16 ToBFloat16(this Tensor value) => value.ToScalar().ToBFloat16();
    public static float ToSingle(this Tensor value) => value.ToScalar().ToSingle();
    public static double ToDouble(this Tensor value) => value.ToScalar().ToDouble();
    public static sbyte ToSByte(this Tensor value) => value.ToScalar().ToSByte();
    public static byte ToByte(this Tensor value) => value.ToScalar().ToByte();
    public static short ToInt16(this Tensor value) => value.ToScalar().ToInt16();
    public static int ToInt32(this Tensor value) => value.ToScalar().ToInt32();
    public static long ToInt64(this Tensor value) => value.ToScalar().ToInt64();
    public static bool ToBoolean(this Tensor value) => value.ToScalar().ToBoolean();

    /// <summary>Writes type, shape and row-major bytes: TorchSharp's format, numbers as LEB128.</summary>
    public static void Save(this Tensor tensor, BinaryWriter writer)
    {
        using var cpu = tensor.device_type == DeviceType.CPU ? null : tensor.cpu();
        tensor = cpu ?? tensor;
        writer.Encode((int)tensor.dtype);
        writer.Encode(tensor.Dimensions);
        foreach (var size in tensor.shape)
            writer.Encode(size);
        writer.Flush();
        tensor.WriteBytesToStream(writer.BaseStream);
    }

    public static void Save(this Tensor tensor, Stream stream)
    {
        using var writer = new BinaryWriter(stream);
        tensor.Save(writer);
    }

    public static void Save(this Tensor tensor, string location) => tensor.Save(File.Create(location));

    /// <summary>Fills a tensor with what <see cref="Save(Tensor, BinaryWriter)"/> wrote.</summary>
    /// <exception cref="ArgumentException">The stored type or shape is another.</exception>
    public static void Load(this Tensor tensor, BinaryReader reader, bool skip = false)
    {
        var (type, shape) = ReadHeader(reader);
        if (type != tensor.dtype)
            throw new ArgumentException(
                $"Mismatched tensor data types while loading: the tensor's is {tensor.dtype}, the stored one's {type}.");
        Read(tensor, shape, reader, skip);
    }

    public static Tensor Load(BinaryReader reader, bool skip = false)
    {
        Tensor? tensor = null;
        Load(ref tensor, reader, skip);
        return tensor!;
    }

    public static void Load(ref Tensor? tensor, BinaryReader reader, bool skip = false)
    {
        var (type, shape) = ReadHeader(reader);
        tensor ??= skip ? zeros(shape, type) : empty(shape, type);
        Read(tensor, shape, reader, skip);
    }

    public static string str(
        this Tensor tensor, string? fltFormat = null, int? width = null, string? newLine = null, CultureInfo? cultureInfo = null,
        TensorStringStyle style = TensorStringStyle.Default) => tensor.ToString(style, fltFormat, width, cultureInfo, newLine);

    public static string jlstr(
        this Tensor tensor, string? fltFormat = null, int? width = null, string? newLine = null, CultureInfo? cultureInfo = null) =>
        tensor.ToString(TensorStringStyle.Julia, fltFormat, width, cultureInfo, newLine);

    public static string npstr(
        this Tensor tensor, string? fltFormat = "g5", int? width = 100, string? newLine = null, CultureInfo? cultureInfo = null) =>
        tensor.ToString(TensorStringStyle.Numpy, fltFormat, width, cultureInfo, newLine);

    public static string cstr(
        this Tensor tensor, string? fltFormat = "g5", int? width = 100, string? newLine = null, CultureInfo? cultureInfo = null) =>
        tensor.ToString(TensorStringStyle.CSharp, fltFormat, width, cultureInfo, newLine);

    public static string metastr(this Tensor tensor) => tensor.ToString(TensorStringStyle.Metadata);

    public static Tensor print(
        this Tensor t, string? fltFormat = "g5", int? width = 100, string? newLine = null, CultureInfo? cultureInfo = null,
        TensorStringStyle style = TensorStringStyle.Default)
    {
        Console.WriteLine(t.ToString(style, fltFormat, width, cultureInfo, newLine));
        return t;
    }

    private static (ScalarType Type, long[] Shape) ReadHeader(BinaryReader reader)
    {
        var type = (ScalarType)reader.Decode();
        var shape = new long[reader.Decode()];
        for (var i = 0; i < shape.Length; i++)
            shape[i] = reader.Decode();
        return (type, shape);
    }

    private static void Read(Tensor tensor, long[] shape, BinaryReader reader, bool skip)
    {
        if (skip) {
            reader.BaseStream.Seek(shape.TotalSize() * tensor.ElementSize, SeekOrigin.Current);
            return;
        }
        if (!shape.SequenceEqual(tensor.shape))
            throw new ArgumentException(
                $"Mismatched tensor shape while loading: the tensor's is [{string.Join(", ", tensor.shape)}], "
                + $"the stored one's [{string.Join(", ", shape)}].");
        using var frozen = no_grad();
        if (tensor.device_type == DeviceType.CPU) {
            tensor.ReadBytesFromStream(reader.BaseStream);
            return;
        }
        using var cpu = torch.empty(shape, tensor.dtype, CPU);
        cpu.ReadBytesFromStream(reader.BaseStream);
        tensor.copy_(cpu);
    }
}
