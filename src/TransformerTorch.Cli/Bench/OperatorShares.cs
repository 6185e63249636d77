using System.Text.Json.Nodes;
using TorchSharp;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Cli.Bench;

/// <summary>
/// Each operator alone, forward and with its gradients, and its share of what bounds it: bytes against the rate at which memory is read
/// (512 MB, by the norm of gradients), or arithmetic against the rate of a square product in the run's type. Operands are larger than a
/// cache. (Attention has a workload of its own.)
/// </summary>
internal static class OperatorShares
{
    public static IEnumerable<BenchResult> Run(string name, BenchRun run)
    {
        using var scope = NewDisposeScope();
        var type = run.Precision == Precision.Bf16 ? ScalarType.BFloat16 : ScalarType.Float32;
        var size = type == ScalarType.BFloat16 ? 2.0 : 4.0;
        Tensor Random(params long[] shape) => randn(shape, type, run.Device);
        double Seconds(Func<Tensor?> work) => run.Best(() =>
        {
            using var each = NewDisposeScope();
            using var none = no_grad();
            work();
        });

        var edge = Roofs.Edge(run.Device);
        var (bytesRate, square) = (Roofs.Bytes(run), Random(edge, edge));
        var flopsRate = 2.0 * Math.Pow(edge, 3) / Seconds(() => Operators.Linear(square, square, null));
        yield return new($"{name} memory", run, bytesRate / 1e9, "GB/s");
        yield return new($"{name} product {edge}", run, flopsRate / 1e9, "GFLOP/s");

        const long N = 16384, C = 768, F = 3072, V = 50257;
        var (x, w) = (Random(N, C), Random(C));
        var (up, wide) = (Random(N, F), Random(F, C));
        var (heads, product) = (Random(32, 512, 12, 64), x.narrow(0, 0, 4096));
        var angles = rand(512, 32, device: run.Device);
        yield return Bytes("layer_norm", 2 * N * C * size, () => Operators.LayerNorm(x, w, w, 1e-5));
        yield return Bytes("rms_norm", 2 * N * C * size, () => Operators.RmsNorm(x, w, 1e-5));
        yield return Bytes("add_norm", 4 * N * C * size, () => Operators.AddNorm(x, x, (w, w), 1e-5, centred: true).Normed);
        yield return Bytes("gelu", 2 * N * F * size, () => Operators.Activate(up, "gelu"));
        yield return Bytes("gelu_tanh", 2 * N * F * size, () => Operators.Activate(up, "gelu_tanh"));
        yield return Bytes("swiglu", 1.5 * N * F * size, () => Operators.Activate(up, "silu", gated: true));
        yield return Bytes("geglu", 1.5 * N * F * size, () => Operators.Activate(up, "gelu", gated: true));
        yield return Bytes("rotary", 2 * heads.numel() * size, () => Operators.Rotary(heads, (angles, angles)));
        yield return Bytes("rotary in place", 2 * heads.numel() * size, () => Operators.Rotary(heads, (angles, angles), reuse: true));

        // Forward reads x and writes y; backward reads x and dy and writes dx.
        var (xs, ups, ws) = (Leaf(x), Leaf(up), Leaf(w));
        yield return Learned("layer_norm", 5 * N * C * size, [xs, ws], () => Operators.LayerNorm(xs, ws, ws, 1e-5));
        yield return Learned("rms_norm", 5 * N * C * size, [xs, ws], () => Operators.RmsNorm(xs, ws, 1e-5));
        yield return Learned("gelu", 5 * N * F * size, [ups], () => Operators.Activate(ups, "gelu"));
        yield return Learned("gelu_tanh", 5 * N * F * size, [ups], () => Operators.Activate(ups, "gelu_tanh"));
        yield return Learned("swiglu", 4 * N * F * size, [ups], () => Operators.Activate(ups, "silu", gated: true));
        yield return Learned("geglu", 4 * N * F * size, [ups], () => Operators.Activate(ups, "gelu", gated: true));

        const double Product = 2.0 * 4096 * C * F;
        var (wides, bias) = (Leaf(wide), Leaf(Random(F)));
        var rows4096 = Leaf(product);
        yield return Flops("linear 4096 rows", Product, () => Operators.Linear(product, wide, bias));
        yield return Flops("linear and gelu", Product, () => Operators.LinearActivation(product, (wide, bias), "gelu"));
        yield return Flops("linear and gelu_tanh", Product, () => Operators.LinearActivation(product, (wide, bias), "gelu_tanh"));
        yield return Flops("linear and swiglu", Product, () => Operators.LinearActivation(product, (wide, bias), "silu", gated: true));
        yield return FlopsLearned("linear", 3 * Product, () => Operators.Linear(rows4096, wides, bias));
        yield return FlopsLearned("linear and gelu", 3 * Product, () => Operators.LinearActivation(rows4096, (wides, bias), "gelu"));
        yield return FlopsLearned("linear and swiglu", 3 * Product,
            () => Operators.LinearActivation(rows4096, (wides, bias), "silu", gated: true));

        var table = Random(V, C);
        foreach (var rows in new long[] { 1, 4, 8 })
        {
            var few = x.narrow(0, 0, rows);
            yield return Bytes($"linear {rows} rows", V * C * size, () => Operators.Linear(few, table, null));
            foreach (var (bits, group) in new[] { (8, 64), (4, 32) })
            {
                using var small = QuantizedOperators.Quantize(table, bits, group);
                var stored = V * C * ((bits / 8.0) + (2.0 / group));
                yield return Bytes($"linear {rows} rows int{bits}", stored, () => QuantizedOperators.Linear(few, small, null));
            }
        }

        const long Few = 1024;
        var (hidden, output, targets) = (Leaf(x.narrow(0, 0, Few)), Leaf(table), randint(0, V, Few, device: run.Device));
        yield return Flops($"linear_cross_entropy {Few} rows", 2.0 * Few * C * V,
            () => Operators.LinearCrossEntropy(hidden, output, null, targets));
        yield return FlopsShare($"linear_cross_entropy {Few} rows with gradients", 6.0 * Few * C * V,
            Gradients([hidden, output], () => Operators.LinearCrossEntropy(hidden, output, null, targets)));

        Tensor Leaf(Tensor value) => value.detach().clone().requires_grad_();
        // Whole passes, whose gradients are dropped.
        double Gradients(Tensor[] leaves, Func<Tensor> forward)
        {
            using var like = Detached(forward);
            return run.Best(() =>
            {
                using var each = NewDisposeScope();
                forward().backward([like]);
                foreach (var leaf in leaves) leaf.grad = null;
            });
        }
        BenchResult Learned(string what, double bytes, Tensor[] leaves, Func<Tensor> forward) =>
            Share($"{what} with gradients", bytes / Gradients(leaves, forward), bytesRate, "GB/s");
        BenchResult FlopsLearned(string what, double flops, Func<Tensor> forward) =>
            FlopsShare($"{what} with gradients", flops, Gradients([rows4096, wides, bias], forward));
        BenchResult FlopsShare(string what, double flops, double seconds) => Share(what, flops / seconds, flopsRate, "GFLOP/s");
        BenchResult Bytes(string what, double bytes, Func<Tensor> work) => Share(what, bytes / Seconds(work), bytesRate, "GB/s");
        BenchResult Flops(string what, double flops, Func<Tensor> work) => FlopsShare(what, flops, Seconds(work));
        BenchResult Share(string what, double rate, double roof, string unit) => new($"{name} {what}", run, rate / 1e9, unit)
        {
            Facts = new JsonObject { ["share_of_roof"] = Math.Round(rate / roof, 3) },
        };
    }

    private static Tensor Detached(Func<Tensor> forward)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        return ones_like(forward()).MoveToOuterDisposeScope();
    }
}
