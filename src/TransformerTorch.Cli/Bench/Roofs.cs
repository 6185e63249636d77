using TorchSharp;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Cli.Bench;

/// <summary>What bounds a workload on a device.</summary>
internal static class Roofs
{
    /// <summary>The side of a square product that keeps the whole device at work.</summary>
    public static int Edge(Device device) => device.type == DeviceType.CUDA ? 8192 : 2048;

    /// <summary>Bytes a second at which memory is read, more of it than any cache holds: by the norm of gradients.</summary>
    public static double Bytes(BenchRun run)
    {
        using var scope = NewDisposeScope();
        using var memory = ones((run.Device.type == DeviceType.CUDA ? 1024L : 128L) << 20, ScalarType.Float32, run.Device);
        return memory.numel() * 4 / run.Best(() => OptimizerOperators.GradNorm([memory]).Dispose());
    }
}
