using static TorchSharp.torch;

namespace TransformerTorch.Tensors;

/// <summary>
/// Activation checkpointing (Chen et al., 2016): a part of the forward pass keeps only what it reads; the backward pass computes it again,
/// with the same random numbers and the same autocast, so that gradients are the same bit for bit. It stands in the graph as one node made
/// of hooks: an ordinary <c>backward</c> runs it. Without the native bridge the part is computed as usual.
/// </summary>
public static class Recomputation
{
    [ThreadStatic] private static bool t_isFirstPass;

    /// <summary>
    /// Whether what is computed now will be computed again with gradients, and must be the same bit for bit: what is faster without
    /// gradients, but rounds otherwise, stays away.
    /// </summary>
    internal static bool IsFirstPass => t_isFirstPass;

    /// <summary>Computes a part of the forward pass.</summary>
    /// <param name="device">where it computes</param>
    /// <param name="draws">whether it draws random numbers: on a GPU it cannot be recorded then</param>
    /// <param name="part">
    /// The computation. It is given a function through which it must take every tensor that others made, parameters aside, always in the
    /// same order; its result is new memory.
    /// </param>
    public static Tensor Run(Device device, bool draws, Func<Func<Tensor, Tensor>, Tensor> part)
        => is_grad_enabled() && NativeBridge.IsAvailable ? new Segment(device, draws, part).Forward() : part(static x => x);

    private sealed class Segment(Device device, bool draws, Func<Func<Tensor, Tensor>, Tensor> part)
    {
        private readonly RandomStates? _random = draws ? RandomStates.Capture(device) : null;
        private readonly Func<IDisposable> _autocast = Autocast.Current(device);
        private readonly List<Tensor> _read = [];       // what it reads, detached; in the backward pass leaves of a graph of its own
        private Tensor?[] _gradients = [];              // of these
        private Tensor? _gradient;                      // of the result

        public Tensor Forward()
        {
            var sources = new List<Tensor>();
            var result = FirstPass(x =>
            {
                sources.Add(x);
                _read.Add(x.detach().DetachFromDisposeScope());
                return x;
            });
            using var scope = NewDisposeScope();
            // A zero that depends on all that was read: added to the result it brings the result's gradient there.
            var link = zeros([], ScalarType.Float32, device, requires_grad: true) + 0;
            for (var i = 0; i < sources.Count; i++)
            {
                if (!sources[i].requires_grad) continue;
                var (index, seam) = (i, sources[i].view_as(sources[i]));
                _read[i].requires_grad = true;
                GradientHook.Add(seam, _ => _gradients[index]);
                link = link + seam.narrow(0, 0, 0).sum().to(ScalarType.Float32);
            }
            GradientHook.Add(link, _ => { Backward(); return null; });
            result.add_(link);
            GradientHook.Add(result, gradient => { _gradient = gradient.DetachFromDisposeScope(); return null; });
            return result;
        }

        private Tensor FirstPass(Func<Tensor, Tensor> read)
        {
            using var none = no_grad();
            t_isFirstPass = true;
            try
            {
                return part(read);
            }
            finally
            {
                t_isFirstPass = false;
            }
        }

        private void Backward()
        {
            using var scope = NewDisposeScope();
            using var grad = enable_grad();
            var (next, now) = (0, draws ? RandomStates.Capture(device) : null);
            _random?.Restore();
            Tensor result;
            using (_autocast()) result = part(_ => _read[next++]);
            now?.Restore();
            autograd.backward([result], [_gradient!]);
            _gradients = [.. _read.Select(x => x.requires_grad ? x.grad?.DetachFromDisposeScope() : null)];
            _gradient!.Dispose();
            foreach (var read in _read) read.Dispose();
        }
    }
}
