namespace TorchSharp;

public static partial class torch
{
    /// <summary>One place of an index: a number, a slice, a new dimension, an ellipsis, a truth value or a tensor.</summary>
    public struct TensorIndex
    {
        internal enum Kind { None, Ellipsis, Single, Slice, Bool, Tensor }

        internal Kind kind;
        internal long? start, stop, step;
        internal Tensor? tensor;

        /// <summary>Inserts a dimension of one.</summary>
        public static TensorIndex None = new() { kind = Kind.None };

        public static TensorIndex Null = None;

        /// <summary>All the dimensions that are not named.</summary>
        public static TensorIndex Ellipsis = new() { kind = Kind.Ellipsis };

        /// <summary>The whole dimension.</summary>
        public static TensorIndex Colon = Slice();

        public static TensorIndex Slice(long? start = null, long? stop = null, long? step = null) =>
            new() { kind = Kind.Slice, start = start, stop = stop, step = step };

        public static TensorIndex Slice((int? start, int? end) range) => Slice(range.start, range.end);

        public static TensorIndex Slice(Range range) => Slice(FromStart(range.Start),
            range.End.Equals(Index.End) ? null : FromStart(range.End));

        public static TensorIndex Bool(bool value) => new() { kind = Kind.Bool, start = value ? 1 : 0 };

        public static TensorIndex Single(long? index) => new() { kind = Kind.Single, start = index };

        public static TensorIndex Tensor(Tensor tensor) => new() { kind = Kind.Tensor, tensor = tensor };

        public static implicit operator TensorIndex(long value) => Single(value);

        public static implicit operator TensorIndex(Index index) => Single(FromStart(index));

        public static implicit operator TensorIndex(Range range) => Slice(range);

        public static implicit operator TensorIndex((int? start, int? end) range) => Slice(range.start, range.end);

        public static implicit operator Tensor(TensorIndex value) =>
            value.tensor ?? throw new InvalidOperationException("This index is not a tensor.");

        private static long FromStart(Index index) => index.IsFromEnd ? -index.Value : index.Value;
    }
}
