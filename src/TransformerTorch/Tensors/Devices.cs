using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text.RegularExpressions;
using TorchSharp;
using static TorchSharp.torch;

namespace TransformerTorch.Tensors;

/// <summary>Devices by name.</summary>
public static partial class Devices
{
    /// <summary><c>cpu</c>, <c>cuda</c>, <c>cuda:1</c>, or <c>auto</c>: the first GPU where there is one, else the CPU.</summary>
    /// <exception cref="ArgumentException">The name is none of these, or this machine has no such device.</exception>
    public static Device Parse(string name)
    {
        if (name == "auto") return new Device(cuda.is_available() ? DeviceType.CUDA : DeviceType.CPU);
        if (name == "cpu") return CPU;
        if (!IsName(name)) throw new ArgumentException($"unknown device '{name}': expected auto, cpu, cuda or cuda:N");
        var index = name.Split(':') is [_, var number] ? int.Parse(number) : 0;
        var count = cuda.is_available() ? cuda.device_count() : 0;
        return index < count ? new Device(DeviceType.CUDA, index)
            : throw new ArgumentException($"no device '{name}': libtorch sees {count} GPUs here; "
                + (count > 0 ? $"take one up to cuda:{count - 1}"
                    : "take cpu or auto; a libtorch for NVIDIA's comes by `scripts/setup.sh --device cuda`"));
    }

    /// <summary>Whether <see cref="Parse"/> knows this name, be there such a device or not.</summary>
    public static bool IsName(string name) => Name().IsMatch(name);

    [GeneratedRegex(@"^(auto|cpu|cuda(:[0-9]{1,4})?)\z")]
    private static partial Regex Name();

    /// <summary>Whether bfloat16 matrices are multiplied here at float32's speed or better: without AVX-512 libtorch alone makes their
    /// products number by number.</summary>
    public static bool MultipliesBf16(Device device)
        => device.type != DeviceType.CPU || NativeBridge.IsAvailable || !X86Base.IsSupported || Avx512BW.IsSupported;

    /// <summary>Whether work that repeats is recorded as CUDA graphs; <c>TT_CUDA_GRAPHS=off</c> turns it off.</summary>
    public static bool CudaGraphs { get; set; } = Environment.GetEnvironmentVariable("TT_CUDA_GRAPHS") != "off";

    /// <summary>Told what is recorded as a CUDA graph; nobody where nothing else is set.</summary>
    public static Action<string> Recorded { get; set; } = static _ => { };

    /// <summary>Lets float32 matrix products on GPUs run through TensorFloat-32, where the native bridge is there.</summary>
    public static void AllowTf32()
    {
        if (NativeBridge.IsAvailable) NativeBridge.Check(tt_set_tf32(1), "TensorFloat-32");
    }

    [LibraryImport(NativeBridge.Library)] private static partial int tt_set_tf32(int enabled);
}
