using System.Globalization;
using TorchSharp.Native;

namespace TorchSharp;

/// <summary>Where a tensor lives; the numbers are libtorch's.</summary>
public enum DeviceType
{
    CPU = 0, CUDA = 1, MKLDNN = 2, OPENGL = 3, OPENCL = 4, IDEEP = 5, HIP = 6, FPGA = 7, MSNPU = 8, XLA = 9, MPS = 13, META = 14,
}

public static partial class torch
{
    public static readonly Device CPU = new(DeviceType.CPU);
    public static readonly Device META = new(DeviceType.META);
    private static readonly Device _cuda = new(DeviceType.CUDA);
    private static Device _defaultDevice = CPU;

    /// <summary>The current CUDA device.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public static Device CUDA => InitializeDevice(_cuda);

    public static Device device(string description) => InitializeDevice(new Device(description));

    public static Device device(string deviceType, int index = -1) => InitializeDevice(new Device(deviceType, index));

    public static Device device(DeviceType deviceType, int index = -1) => InitializeDevice(new Device(deviceType, index));

    public static Device device(int index) => new(DeviceType.CUDA, index);

    public static Device get_default_device() => _defaultDevice;

    public static void set_default_device(Device device) => _defaultDevice = device;

    public static void set_default_device(string device) => set_default_device(torch.device(device));

    public static Device InitializeDevice(Device? device)
    {
        device ??= get_default_device();
        InitializeDeviceType(device.type);
        return device;
    }

    public static void InitializeDeviceType(DeviceType deviceType)
    {
        if (!TryInitializeDeviceType(deviceType))
            throw new InvalidOperationException($"Torch device type {deviceType} did not initialise on the current machine.");
    }

    public static bool TryInitializeDeviceType(DeviceType deviceType) => deviceType != DeviceType.CUDA || cuda.is_available();

    /// <summary>A device type and, where there are several, which one; -1 means the current one.</summary>
    public class Device
    {
        public DeviceType type { get; private set; }

        public int index { get; private set; } = -1;

        /// <param name="description">"cpu", "cuda", "cuda:1", "meta".</param>
        public Device(string description)
        {
            var colon = description.IndexOf(':', StringComparison.Ordinal);
            type = Parse(colon < 0 ? description : description[..colon]);
            if (colon >= 0)
                index = int.Parse(description.AsSpan(colon + 1), NumberStyles.Integer, CultureInfo.InvariantCulture);
        }

        public Device(string deviceType, int index = -1) => (type, this.index) = (Parse(deviceType), index);

        public Device(DeviceType deviceType, int index = -1) => (type, this.index) = (deviceType, index);

        public Device(int index) => (type, this.index) = (DeviceType.CUDA, index);

        public override string ToString()
        {
            var name = type.ToString().ToLowerInvariant();
            return type == DeviceType.CPU || index == -1 ? name : $"{name}:{index}";
        }

        public static implicit operator Device(string description) => new(description);

        private static DeviceType Parse(string name) => Enum.Parse<DeviceType>(name, ignoreCase: true);
    }

    public static bool cuda_is_available() => cuda.is_available();

    public static partial class cuda
    {
        public static bool is_available() => device_count() > 0;

        public static int device_count() => NativeMethods.tt_cuda_device_count();

        public static void manual_seed(long seed) => NativeMethods.Check(
            NativeMethods.tt_generator_seed(NativeMethods.Check(NativeMethods.tt_generator_default((int)DeviceType.CUDA, -1)),
                (ulong)seed));

        public static void manual_seed_all(long seed)
        {
            for (var i = 0; i < device_count(); i++)
                NativeMethods.Check(NativeMethods.tt_generator_seed(
                    NativeMethods.Check(NativeMethods.tt_generator_default((int)DeviceType.CUDA, i)), (ulong)seed));
        }

        public static void synchronize(Device? device = null) =>
            NativeMethods.Check(NativeMethods.tt_cuda_synchronize(device?.index ?? -1));
    }

    public static partial class backends
    {
        public static partial class cuda
        {
            public static partial class matmul
            {
                private static bool _tf32, _fp16 = true;

                public static bool allow_tf32 {
                    get => _tf32;
                    set => NativeMethods.Check(NativeMethods.tt_set_tf32((_tf32 = value) ? 1 : 0));
                }

                public static bool allow_fp16_reduced_precision_reduction {
                    get => _fp16;
                    set => NativeMethods.Check(NativeMethods.tt_set_reduced_precision_reduction(-1, (_fp16 = value) ? 1 : 0));
                }
            }
        }

        public static partial class cudnn
        {
            /// <summary>The bridge has one switch: this is <see cref="cuda.matmul.allow_tf32"/>.</summary>
            public static bool allow_tf32 { get => cuda.matmul.allow_tf32; set => cuda.matmul.allow_tf32 = value; }
        }
    }
}
