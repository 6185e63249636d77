using System.Runtime.InteropServices;
using System.Text;
using static TorchSharp.torch;

namespace TorchSharp.Native;

internal enum Tag
{
    Absent = -1, None = 0, Tensor = 1, Int = 2, Double = 3, Bool = 4, Ints = 5, Tensors = 6, String = 7, Device = 8, Doubles = 9,
    OptionalTensors = 10, Generator = 11, Bools = 12, Default = 13,
}

/// <summary>tt_value: an operator's argument or result as it crosses the boundary.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Value
{
    internal Tag Tag;
    internal int Length;
    internal long Bits;

    internal readonly double Real => BitConverter.Int64BitsToDouble(Bits);

    internal readonly nint Handle => (nint)Bits;
}

/// <summary>An argument on its way into an operator. Conversions make a call read as libtorch's own.</summary>
internal readonly ref struct Arg
{
    private readonly int _tag;   // Tag + 1, so that default(Arg) is Absent
    private readonly int _length;
    private readonly long _bits;
    internal readonly ReadOnlySpan<byte> Data;
    internal readonly object? Owner;

    private Arg(Tag tag, long bits, object? owner = null) => (_tag, _bits, Owner) = ((int)tag + 1, bits, owner);

    private Arg(Tag tag, ReadOnlySpan<byte> data, int length, object? owner = null)
    {
        (_tag, _length, Owner) = ((int)tag + 1, length, owner);
        Data = data;
    }

    internal bool IsAbsent => _tag == 0;

    internal static Arg None => new(Tag.None, 0);

    /// <summary>The schema's own default.</summary>
    internal static Arg Default => new(Tag.Default, 0);

    internal unsafe Value At(byte* data) => new() { Tag = (Tag)(_tag - 1), Length = _length, Bits = data == null ? _bits : (long)data };

    public static implicit operator Arg(Tensor? value) => value is null ? None : new(Tag.Tensor, value.Handle, value);
    public static implicit operator Arg(Generator? value) => value is null ? None : new(Tag.Generator, value.Handle, value);
    public static implicit operator Arg(Scalar? value) => value is null ? None : new(value.Tag, value.Bits);
    public static implicit operator Arg(long value) => new(Tag.Int, value);
    public static implicit operator Arg(long? value) => value is { } v ? v : None;
    public static implicit operator Arg(int value) => new(Tag.Int, value);
    public static implicit operator Arg(int? value) => value is { } v ? v : None;
    public static implicit operator Arg(double value) => new(Tag.Double, BitConverter.DoubleToInt64Bits(value));
    public static implicit operator Arg(double? value) => value is { } v ? v : None;
    public static implicit operator Arg(float value) => (double)value;
    public static implicit operator Arg(bool value) => new(Tag.Bool, value ? 1 : 0);
    public static implicit operator Arg(ScalarType value) => new(Tag.Int, (long)value);
    public static implicit operator Arg(ScalarType? value) => value is { } v ? v : None;
    public static implicit operator Arg(Device? value) => value is null ? None : new(Tag.Device,
        (long)value.type | (value.index & 0xffL) << 8);
    public static implicit operator Arg(ReadOnlySpan<long> value) => new(Tag.Ints, MemoryMarshal.AsBytes(value), value.Length);
    public static implicit operator Arg(long[]? value) => value is null ? None : new ReadOnlySpan<long>(value);
    public static implicit operator Arg(double[]? value) =>
        value is null ? None : new(Tag.Doubles, MemoryMarshal.AsBytes<double>(value), value.Length);
    public static implicit operator Arg(ReadOnlySpan<byte> utf8) => new(Tag.String, utf8, utf8.Length);
    public static implicit operator Arg(string? value) => value is null ? None : (ReadOnlySpan<byte>)Encoding.UTF8.GetBytes(value);
    public static implicit operator Arg(Tensor[] value) => (ReadOnlySpan<Tensor>)value;
    public static implicit operator Arg(ReadOnlySpan<Tensor> value) => Of(Tag.Tensors, value!);

    /// <summary>Tensors that may be absent, as indexing takes them.</summary>
    internal static Arg Optional(ReadOnlySpan<Tensor?> value) => Of(Tag.OptionalTensors, value);

    private static Arg Of(Tag tag, ReadOnlySpan<Tensor?> tensors)
    {
        var handles = new nint[tensors.Length];
        for (var i = 0; i < handles.Length; i++)
            handles[i] = tensors[i]?.Handle ?? 0;
        return new(tag, MemoryMarshal.AsBytes<nint>(handles), handles.Length, tensors.ToArray());
    }
}
