using TransformerTorch.Layers;
using TransformerTorch.Tensors;

namespace TransformerTorch.Tests.Support;

/// <summary>One way to compute on this thread: a kernel, with the bridge or without. Skips the test where this machine lacks it.</summary>
internal sealed class Way : IDisposable
{
    private readonly IDisposable _kernel;
    private readonly IDisposable? _suspension;

    public Way(AttentionKernelKind kernel, bool bridge)
    {
        Skip.If(bridge && !NativeBridge.IsAvailable, NativeBridge.Missing);
        _suspension = bridge ? null : NativeBridge.Suspend();
        _kernel = AttentionKernel.Use(kernel);
        if (AttentionKernel.Chosen(new AttentionArguments { Causal = true }) == kernel) return;
        Dispose();
        Skip.If(true, $"the bridge here has no {kernel} attention");
    }

    public void Dispose()
    {
        _kernel.Dispose();
        _suspension?.Dispose();
    }
}
