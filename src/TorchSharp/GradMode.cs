using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Until it is disposed, nothing on this thread is recorded for differentiation.</summary>
    public static IDisposable no_grad() => new GradMode(false);

    public static IDisposable enable_grad(bool enabled = true) => new GradMode(enabled);

    public static IDisposable set_grad_enabled(bool mode = true) => new GradMode(mode);

    public static bool is_grad_enabled() => NativeMethods.tt_grad_mode() != 0;

    /// <summary>As <see cref="no_grad"/>, and results can never enter a graph.</summary>
    public static IDisposable inference_mode(bool mode = true) => new InferenceMode(mode);

    public static bool is_inference_mode_enabled() => NativeMethods.tt_inference_mode() != 0;

    private sealed class GradMode : IDisposable
    {
        private readonly int _previous = NativeMethods.tt_grad_mode();

        internal GradMode(bool enabled) => NativeMethods.tt_set_grad_mode(enabled ? 1 : 0);

        public void Dispose() => NativeMethods.tt_set_grad_mode(_previous);
    }

    private sealed unsafe class InferenceMode(bool enabled) : IDisposable
    {
        private void* _guard = NativeMethods.tt_inference_mode_enter(enabled ? 1 : 0);

        public void Dispose()
        {
            if (_guard != null)
                NativeMethods.tt_inference_mode_leave(_guard);
            _guard = null;
        }
    }
}
