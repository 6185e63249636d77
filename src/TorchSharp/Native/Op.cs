using System.Runtime.InteropServices;
using System.Text;
using static TorchSharp.torch;

namespace TorchSharp.Native;

/// <summary>
/// One libtorch operator, found by name on its first call. Every member of Tensor and torch that computes is one call of one of these.
/// </summary>
internal sealed unsafe class Op(string name, string overload = "")
{
    private nint _handle;

    internal Tensor Call(scoped in Arg a)
    {
        fixed (byte* pa = a.Data) {
            var arguments = a.At(pa);
            var handle = Run(&arguments, 1);
            GC.KeepAlive(a.Owner);
            return new Tensor(handle);
        }
    }

    internal Tensor Call(scoped in Arg a, scoped in Arg b)
    {
        fixed (byte* pa = a.Data, pb = b.Data) {
            var arguments = stackalloc Value[2];
            arguments[0] = a.At(pa);
            arguments[1] = b.At(pb);
            var handle = Run(arguments, 2);
            GC.KeepAlive(a.Owner);
            GC.KeepAlive(b.Owner);
            return new Tensor(handle);
        }
    }

    internal Tensor Call(
        scoped in Arg a, scoped in Arg b, scoped in Arg c, scoped in Arg d = default, scoped in Arg e = default,
        scoped in Arg f = default, scoped in Arg g = default, scoped in Arg h = default, scoped in Arg i = default)
    {
        Value result;
        Run(&result, 1, a, b, c, d, e, f, g, h, i);
        return new Tensor(result.Handle);
    }

    /// <summary>An operator that writes into its first argument and returns it: nothing is made.</summary>
    internal Tensor InPlace(
        Tensor self, scoped in Arg b = default, scoped in Arg c = default, scoped in Arg d = default, scoped in Arg e = default,
        scoped in Arg f = default)
    {
        Run(null, 0, self, b, c, d, e, f);
        return self;
    }

    internal (Tensor, Tensor) CallPair(
        scoped in Arg a, scoped in Arg b = default, scoped in Arg c = default, scoped in Arg d = default, scoped in Arg e = default,
        scoped in Arg f = default, scoped in Arg g = default)
    {
        var results = stackalloc Value[2];
        Run(results, 2, a, b, c, d, e, f, g);
        return (new Tensor(results[0].Handle), new Tensor(results[1].Handle));
    }

    internal (Tensor, Tensor, Tensor) CallTriple(
        scoped in Arg a, scoped in Arg b = default, scoped in Arg c = default, scoped in Arg d = default, scoped in Arg e = default,
        scoped in Arg f = default)
    {
        var results = stackalloc Value[3];
        Run(results, 3, a, b, c, d, e, f);
        return (new Tensor(results[0].Handle), new Tensor(results[1].Handle), new Tensor(results[2].Handle));
    }

    internal Tensor[] CallList(scoped in Arg a, scoped in Arg b = default, scoped in Arg c = default)
    {
        Value result;
        Run(&result, 1, a, b, c);
        var handles = (nint*)result.Handle;
        var tensors = new Tensor[result.Length];
        for (var i = 0; i < tensors.Length; i++)
            tensors[i] = new Tensor(handles[i]);
        NativeMethods.tt_free(handles);
        return tensors;
    }

    /// <summary>A result that is a number or a truth value.</summary>
    internal Value CallValue(
        scoped in Arg a, scoped in Arg b = default, scoped in Arg c = default, scoped in Arg d = default, scoped in Arg e = default)
    {
        Value result;
        Run(&result, 1, a, b, c, d, e);
        return result;
    }

    private nint Run(Value* arguments, int count)
    {
        Value result;
        if (NativeMethods.tt_operator_call(_handle != 0 ? _handle : Find(), arguments, count, &result, 1) < 0)
            throw NativeMethods.Failure();
        return result.Handle;
    }

    private void Run(
        Value* results, int most, scoped in Arg a, scoped in Arg b, scoped in Arg c = default, scoped in Arg d = default,
        scoped in Arg e = default, scoped in Arg f = default, scoped in Arg g = default, scoped in Arg h = default,
            scoped in Arg i = default)
    {
        fixed (byte* pa = a.Data, pb = b.Data, pc = c.Data, pd = d.Data, pe = e.Data, pf = f.Data, pg = g.Data, ph = h.Data, pi = i.Data) {
            var arguments = stackalloc Value[9] {
                a.At(pa), b.At(pb), c.At(pc), d.At(pd), e.At(pe), f.At(pf), g.At(pg), h.At(ph), i.At(pi),
            };
            var count = 9;
            while (arguments[count - 1].Tag == Tag.Absent)
                count--;
            if (NativeMethods.tt_operator_call(_handle != 0 ? _handle : Find(), arguments, count, results, most) < 0)
                throw NativeMethods.Failure();
            GC.KeepAlive(a.Owner);
            GC.KeepAlive(b.Owner);
            GC.KeepAlive(c.Owner);
            GC.KeepAlive(d.Owner);
            GC.KeepAlive(e.Owner);
            GC.KeepAlive(f.Owner);
            GC.KeepAlive(g.Owner);
            GC.KeepAlive(h.Owner);
            GC.KeepAlive(i.Owner);
        }
    }

    private nint Find()
    {
        fixed (byte* full = Zero("aten::" + name), which = Zero(overload)) {
            _handle = NativeMethods.tt_operator_find(full, which);
        }
        return _handle != 0 ? _handle
            : throw new NotSupportedException($"This libtorch has no operator aten::{name}{(overload.Length > 0 ? "." + overload : "")}.");
    }

    private static byte[] Zero(string text) => Encoding.UTF8.GetBytes(text + '\0');
}
