using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public static Tensor arange(Scalar stop, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        arange(0, stop, 1, dtype, device, requires_grad);

    public static Tensor arange(Scalar start, Scalar stop, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        arange(start, stop, 1, dtype, device, requires_grad);

    /// <summary>Whole numbers unless one of the three has a fraction's type.</summary>
    public static Tensor arange(
        Scalar start, Scalar stop, Scalar step, ScalarType? dtype = null, Device? device = null, bool requires_grad = false)
    {
        if (!dtype.HasValue) {
            var whole = start.Type.IsIntegral() && stop.Type.IsIntegral() && step.Type.IsIntegral();
            dtype = whole ? ScalarType.Int64 : _defaultType;
        }
        return Marked(s_arange.Call(start, stop, step, dtype, Arg.None, InitializeDevice(device)), requires_grad);
    }

    public static Tensor linspace(
        double start, double end, long steps, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Marked(s_linspace.Call(start, end, steps, dtype ?? _defaultType, Arg.None, InitializeDevice(device)), requires_grad);

    public static Tensor logspace(
        double start, double end, long steps, double @base = 10, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false) =>
        Marked(s_logspace.Call(start, end, steps, @base, dtype ?? _defaultType, Arg.None, InitializeDevice(device)), requires_grad);

    public static Tensor eye(
        long rows, long columns = -1, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null)
    {
        Unnamed(names);
        columns = columns == -1 ? rows : columns;
        return Marked(s_eye.Call(rows, columns, dtype ?? _defaultType, Arg.None, InitializeDevice(device)), requires_grad);
    }

    public static Tensor tril_indices(
        long row, long col, long offset = 0, ScalarType dtype = ScalarType.Int64, Device? device = null) =>
        s_tril_indices.Call(row, col, offset, dtype, Arg.None, InitializeDevice(device));

    public static Tensor triu_indices(
        long row, long col, long offset = 0, ScalarType dtype = ScalarType.Int64, Device? device = null) =>
        s_triu_indices.Call(row, col, offset, dtype, Arg.None, InitializeDevice(device));

    public static Tensor empty_strided(
        long[] size, long[] strides, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null)
    {
        Unnamed(names);
        return Marked(s_empty_strided.Call(size, strides, dtype ?? _defaultType, Arg.None, InitializeDevice(device)), requires_grad);
    }

    /// <summary>A tensor over the array's memory, which is not copied.</summary>
    public static Tensor from_array(Array rawArray, Device? device = null) => from_array(rawArray, null, device ?? CPU);

    public static Tensor from_array(
        Array rawArray, ScalarType? dtype, Device? device = null, bool requires_grad = false, string[]? names = null)
    {
        Unnamed(names);
        var size = new long[rawArray.Rank];
        for (var i = 0; i < size.Length; i++)
            size[i] = rawArray.GetLongLength(i);
        return Over(rawArray, size, 0, dtype, device, requires_grad);
    }

    /// <summary>A tensor of one dimension over part of an array's memory.</summary>
    public static Tensor frombuffer(Array rawArray, ScalarType dtype, long count = -1, long offset = 0, bool requires_grad = false)
    {
        var length = rawArray.LongLength;
        if (offset < 0 || offset >= length)
            throw new ArgumentException($"invalid value for 'offset': {offset}");
        if (count > length - offset)
            throw new IndexOutOfRangeException($"element count is too large: {count}");
        return Over(rawArray, [count < 0 ? length - offset : count], offset, dtype, CPU, requires_grad);
    }

    public static Tensor as_tensor(Array data, ScalarType? dtype = null, Device? device = null) => from_array(data, dtype, device);

    public static Tensor as_tensor(Tensor data, ScalarType? dtype = null, Device? device = null) =>
        data.to(dtype ?? data.dtype, device ?? data.device);

    private static readonly Op s_arange = new("arange", "start_step");
    private static readonly Op s_linspace = new("linspace");
    private static readonly Op s_logspace = new("logspace");
    private static readonly Op s_eye = new("eye", "m");
    private static readonly Op s_tril_indices = new("tril_indices");
    private static readonly Op s_triu_indices = new("triu_indices");
    private static readonly Op s_empty_strided = new("empty_strided");
}
