using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public bool requires_grad {
            get => NativeMethods.tt_tensor_requires_grad(Handle) != 0;
            set => NativeMethods.Check(NativeMethods.tt_tensor_set_requires_grad(Handle, value ? 1 : 0));
        }

        public Tensor requires_grad_(bool requires_grad = true) => with_requires_grad(requires_grad);

        public Tensor with_requires_grad(bool requires_grad = true)
        {
            this.requires_grad = requires_grad;
            return this;
        }

        /// <summary>A new handle on the accumulated gradient at each reading; null where there is none.</summary>
        public Tensor? grad {
            get => NativeMethods.tt_tensor_grad(Handle) is not 0 and var gradient ? new Tensor(gradient) : null;
            set => NativeMethods.Check(NativeMethods.tt_tensor_set_grad(Handle, value?.Handle ?? 0));
        }

        public void retain_grad() => s_retain_grad.InPlace(this);

        public void backward() => autograd.backward([this]);

        public void backward(
            IList<Tensor>? grad_tensors = null, bool retain_graph = false, bool create_graph = false, IList<Tensor>? inputs = null) =>
            autograd.backward([this], grad_tensors, retain_graph, create_graph, inputs);

        public Tensor detach() => s_detach.Call(this);

        public Tensor detach_() => s_detach_.InPlace(this);

        private static readonly Op s_retain_grad = new("retain_grad");
        private static readonly Op s_detach = new("detach");
        private static readonly Op s_detach_ = new("detach_");
    }

    public static partial class autograd
    {
        /// <summary>The gradients of outputs with respect to inputs, which are returned and not accumulated.</summary>
        public static unsafe IList<Tensor> grad(
            IList<Tensor> outputs, IList<Tensor> inputs, IList<Tensor>? grad_outputs = null, bool retain_graph = false,
            bool create_graph = false, bool allow_unused = false)
        {
            var results = new nint[inputs.Count];
            fixed (nint* o = Handles(outputs), g = Handles(grad_outputs), i = Handles(inputs), r = results) {
                NativeMethods.Check(NativeMethods.tt_grad(
                    o, g, outputs.Count, i, inputs.Count, retain_graph ? 1 : 0, create_graph ? 1 : 0, allow_unused ? 1 : 0, r));
            }
            GC.KeepAlive(outputs);
            GC.KeepAlive(inputs);
            GC.KeepAlive(grad_outputs);
            return results.Select(h => h == 0 ? null! : new Tensor(h)).ToList();
        }

        public static unsafe void backward(
            IList<Tensor> tensors, IList<Tensor>? grad_tensors = null, bool? retain_graph = null, bool create_graph = false,
            IList<Tensor>? inputs = null)
        {
            fixed (nint* t = Handles(tensors), g = Handles(grad_tensors), i = Handles(inputs)) {
                NativeMethods.Check(NativeMethods.tt_backward(
                    t, g, tensors.Count, retain_graph ?? create_graph ? 1 : 0, create_graph ? 1 : 0, i, inputs?.Count ?? 0));
            }
            GC.KeepAlive(tensors);
            GC.KeepAlive(grad_tensors);
            GC.KeepAlive(inputs);
        }

        public static void backward(
            Tensor tensor, IList<Tensor>? grad_tensors = null, bool? retain_graph = null, bool create_graph = false,
                IList<Tensor>? inputs = null) =>
            backward([tensor], grad_tensors, retain_graph, create_graph, inputs);

        public static void backward(
            Tensor tensor, Tensor grad_tensor, bool? retain_graph = null, bool create_graph = false, IList<Tensor>? inputs = null) =>
            backward([tensor], [grad_tensor], retain_graph, create_graph, inputs);

        private static nint[]? Handles(IList<Tensor>? tensors)
        {
            if (tensors is null || tensors.Count == 0)
                return null;
            var handles = new nint[tensors.Count];
            for (var i = 0; i < handles.Length; i++)
                handles[i] = tensors[i].Handle;
            return handles;
        }
    }
}
