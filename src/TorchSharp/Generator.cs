using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>A source of random numbers. The default one of the CPU serves wherever none is given.</summary>
    public class Generator : IDisposable
    {
        private readonly bool _owned;

        public Generator(ulong seed = 0, Device? device = null)
            : this(NativeMethods.Check(NativeMethods.tt_generator_new((int)(device ?? CPU).type, (device ?? CPU).index)), device ?? CPU,
                owned: true) =>
            NativeMethods.Check(NativeMethods.tt_generator_seed(Handle, seed));

        private Generator(nint handle, Device device, bool owned) => (Handle, this.device, _owned) = (handle, device, owned);

        ~Generator() => Dispose(false);

        public static Generator Default { get; } = new(NativeMethods.Check(NativeMethods.tt_generator_default(0, -1)), CPU, owned: false);

        public IntPtr Handle { get; private set; }

        public Device device { get; }

        public Generator manual_seed(long seed)
        {
            if (this == Default)
                NativeMethods.Check(NativeMethods.tt_manual_seed((ulong)seed));
            else
                NativeMethods.Check(NativeMethods.tt_generator_seed(Handle, (ulong)seed));
            return this;
        }

        /// <summary>Seeds from the system's entropy, and says with what.</summary>
        public long seed()
        {
            Span<byte> bytes = stackalloc byte[8];
            System.Security.Cryptography.RandomNumberGenerator.Fill(bytes);
            var seed = BitConverter.ToInt64(bytes) & long.MaxValue;
            NativeMethods.Check(NativeMethods.tt_generator_seed(Handle, (ulong)seed));
            return seed;
        }

        public long initial_seed() => (long)NativeMethods.tt_generator_initial_seed(Handle);

        /// <summary>The whole state, a byte tensor on the CPU.</summary>
        public Tensor get_state() => new(NativeMethods.Check(NativeMethods.tt_generator_state(Handle)));

        public void set_state(Tensor value) => NativeMethods.Check(NativeMethods.tt_generator_set_state(Handle, value.Handle));

        public void Dispose()
        {
            Dispose(true);
            GC.SuppressFinalize(this);
        }

        protected virtual void Dispose(bool disposing)
        {
            if (_owned && Handle != 0)
                NativeMethods.tt_generator_free(Handle);
            if (_owned)
                Handle = 0;
        }
    }

    /// <summary>Seeds the default generators of all devices.</summary>
    public static Generator manual_seed(long seed) => Generator.Default.manual_seed(seed);

    public static long seed() => Generator.Default.seed();

    public static long initial_seed() => Generator.Default.initial_seed();

    public static Tensor get_rng_state() => Generator.Default.get_state();

    public static void set_rng_state(Tensor new_state) => Generator.Default.set_state(new_state);

    public static partial class random
    {
        public static Generator manual_seed(long seed) => torch.manual_seed(seed);

        public static long seed() => torch.seed();

        public static long initial_seed() => torch.initial_seed();

        public static Tensor get_rng_state() => torch.get_rng_state();

        public static void set_rng_state(Tensor new_state) => torch.set_rng_state(new_state);
    }
}
