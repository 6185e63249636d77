using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>
    /// A handle on a libtorch tensor. Made inside a <see cref="DisposeScope"/> it belongs to that scope; otherwise it lives until it is
    /// disposed or collected.
    /// </summary>
    public partial class Tensor : IDisposable
    {
        internal IntPtr handle;
        private static long _totalCount, _peakCount;

        internal Tensor(IntPtr handle, bool register = true)
        {
            this.handle = handle;
            var total = Interlocked.Increment(ref _totalCount);
            if (total > _peakCount)
                _peakCount = total;
            if (register)
                OwningDisposeScope = DisposeScopeManager.ThreadSingleton.RegisterOnCurrentDisposeScope(this);
        }

        ~Tensor() => Dispose(false);

        /// <summary>Tensors alive in the process, and the most there have been.</summary>
        public static long TotalCount => _totalCount;

        public static long PeakCount => _peakCount;

        internal DisposeScope? OwningDisposeScope { get; set; }

        /// <summary>Takes ownership of an at::Tensor*.</summary>
        public static Tensor UnsafeCreateTensor(IntPtr handle) => new(handle);

        public IntPtr Handle => handle != 0 ? handle : throw new InvalidOperationException("Tensor invalid -- empty handle.");

        public bool IsInvalid => handle == 0;

        public string? name { get; set; }

        /// <summary>Gives the native tensor up: the caller owns it, and this object becomes invalid.</summary>
        public IntPtr DecoupleFromNativeHandle()
        {
            var owned = Handle;
            GC.SuppressFinalize(this);
            Interlocked.Decrement(ref _totalCount);
            handle = 0;
            return owned;
        }

        /// <summary>As decoupling, for a new object that takes this one's place.</summary>
        internal IntPtr MoveHandle()
        {
            var owned = handle;
            Interlocked.Decrement(ref _totalCount); // the new object counts
            handle = 0;
            return owned;
        }

        public void Dispose()
        {
            Dispose(true);
            GC.SuppressFinalize(this);
        }

        protected virtual void Dispose(bool disposing)
        {
            if (handle == 0)
                return;
            DisposeScopeManager.ThreadSingleton.DisposingOnCurrentScope(this);
            OwningDisposeScope?.MarkAsDisposed(this);
            Interlocked.Decrement(ref _totalCount);
            NativeMethods.tt_tensor_free(handle);
            handle = 0;
        }

        public Tensor MoveToOuterDisposeScope()
        {
            OwningDisposeScope?.MoveToOuter(this);
            return this;
        }

        public Tensor DetachFromDisposeScope()
        {
            OwningDisposeScope?.Detach(this);
            return this;
        }

        public Tensor MoveToOtherDisposeScope(Tensor other) => MoveToOtherDisposeScope(other.OwningDisposeScope);

        public Tensor MoveToOtherDisposeScope(DisposeScope? other)
        {
            if (OwningDisposeScope is { } scope)
                scope.MoveToOther(other, this);
            else
                other?.Attach(this);
            return this;
        }

        public override bool Equals(object? obj) => obj is Tensor other && Equals(other);

        /// <summary>Same shape and same values.</summary>
        public bool Equals(Tensor target) => s_equal.CallValue(this, target).Bits != 0;

        public override int GetHashCode() => base.GetHashCode();

        private static readonly Op s_equal = new("equal");
    }

    public static bool is_tensor(object obj) => obj is Tensor;
}
