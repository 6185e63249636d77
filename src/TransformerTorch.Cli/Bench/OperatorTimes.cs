using System.Text.Json.Nodes;
using TorchSharp;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Cli.Bench;

/// <summary>Operators alone.</summary>
internal static class OperatorTimes
{
    /// <summary>A projection of 512 x 768 to 3072, its two gradients, and plain matrix products of the same size.</summary>
    public static IEnumerable<BenchResult> MatrixProducts(string name, BenchRun run)
    {
        using var scope = NewDisposeScope();
        const long N = 512, C = 768, O = 3072;
        var (x, w) = (randn(N, C, device: run.Device), randn(O, C, device: run.Device));
        var dy = randn(N, O, device: run.Device);
        BenchResult Rate(string what, int products, Action action)
        {
            var seconds = run.Best(() =>
            {
                using var each = NewDisposeScope();
                using var region = Autocast.Enter(run.Precision, run.Device);
                action();
            });
            var rate = products * 2.0 * N * C * O / seconds / 1e9;
            return new($"{name} {what}", run, rate, "GFLOP/s") { Facts = new JsonObject { ["seconds"] = seconds } };
        }
        yield return Rate("linear", 1, () => Operators.Linear(x, w, null));
        var (xGrad, wGrad) = (x.detach().clone().requires_grad_(), w.detach().clone().requires_grad_());
        yield return Rate("linear with gradients", 3, () =>
        {
            var y = Operators.Linear(xGrad, wGrad, null);
            y.backward([dy.to(y.dtype)]);
            (xGrad.grad, wGrad.grad) = (null, null);
        });
        yield return Rate("x w^T", 1, () => matmul(x, w.t()));
        yield return Rate("dy w", 1, () => matmul(dy, w));
        yield return Rate("dy^T x", 1, () => matmul(dy.t(), x));
    }

    /// <summary>One optimizer step over 150 tensors of 768 x 768, with the norm of their gradients.</summary>
    public static IEnumerable<BenchResult> AdamW(string name, BenchRun run)
    {
        using var scope = NewDisposeScope();
        Tensor[] Tensors() => [.. Enumerable.Range(0, 150).Select(_ => full([768, 768], 0.01f, ScalarType.Float32, run.Device))];
        var (group, means, squares, options, step) = (new ParameterSet(Tensors(), Tensors()), Tensors(), Tensors(), new AdamWOptions(), 0);
        yield return new(name, run, 1e3 * run.Best(() => OptimizerOperators.AdamW(group, means, squares, options, ++step)), "ms");
        yield return new($"{name} gradient norm", run, 1e3 * run.Best(() => OptimizerOperators.GradNorm(group.Gradients).Dispose()), "ms");
    }
}
