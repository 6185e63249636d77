using System.Text.Json.Nodes;
using TransformerTorch.Layers;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Cli.Bench;

/// <summary>
/// Attention of (2, 512, 12, 64), or as many sequences of such a length as are asked for, forward and with gradients: causal by each
/// kernel, then the fused one with each option, and one query on a cache of 4096. Beside the time stands the rate of the products it
/// cannot avoid, and its share of what a plain matrix product of the same type reaches in the same run.
/// Last, the memory that one text of 4096 takes, beside what plain mathematics takes for it.
/// </summary>
internal static class AttentionTimes
{
    private const long H = 12, D = 64, Cached = 4096;

    public static IEnumerable<BenchResult> All(string name, BenchRun run)
    {
        using var scope = NewDisposeScope();
        var roof = Roof(run);
        var causal = new AttentionArguments { Causal = true };
        foreach (var kind in Enum.GetValues<AttentionKernelKind>())
        {
            var pairs = Pairs(run, (i, j) => j <= i);
            foreach (var result in Both($"{name} {kind.ToString().ToLowerInvariant()}", run, kind, causal, pairs, roof))
                yield return result;
        }
        foreach (var (option, arguments, pairs) in Options(run))
            foreach (var result in Both($"{name} {option}", run, AttentionKernelKind.Fused, arguments, pairs, roof)) yield return result;
        yield return Decode(name, run);
        foreach (var result in Memory(name, run)) yield return result;
    }

    /// <summary>Each option, and how many pairs of query and key a head computes with it.</summary>
    private static IEnumerable<(string Name, AttentionArguments Arguments, long Pairs)> Options(BenchRun run)
    {
        var ((B, T), device) = (Sizes(run), run.Device);
        var causal = Pairs(run, (i, j) => j <= i);
        AttentionArguments With(AttentionTerms terms, bool backwards = true) => new() { Causal = backwards, Terms = terms };
        var documents = (arange(T, device: device) / 128).to(ScalarType.Int64).expand(B, T);
        var learned = randn(H, (2 * T) - 1, device: device).requires_grad_();
        yield return ("full", new(), T * T);
        yield return ("window 128", new() { Causal = true, Window = 128 }, Pairs(run, (i, j) => j <= i && i - j < 128));
        yield return ("ALiBi", With(new() { ByDistance = Alibi.ByDistance((int)H, T, T, device) }), causal);
        yield return ("relative bias", With(new() { ByDistance = learned }, backwards: false), T * T);
        yield return ("documents of 128", With(new() { Documents = documents }), Pairs(run, (i, j) => j <= i && i / 128 == j / 128));
        var tokens = arange(T, device: device).lt(T * 3 / 4).expand(B, T);
        yield return ($"padding to {T * 3 / 4}", With(new() { KeyMask = tokens }, backwards: false), T * (T * 3 / 4));
        yield return ("dropout", new() { Causal = true, Dropout = 0.1 }, causal);
        yield return ("bias", With(new() { Bias = randn(1, H, T, T, device: device).requires_grad_() }, backwards: false), T * T);
    }

    private static IEnumerable<BenchResult> Both(string label, BenchRun run, AttentionKernelKind kind, AttentionArguments arguments,
        long pairs, double roof)
    {
        using var scope = NewDisposeScope();
        var (B, T) = Sizes(run);
        var qkv = randn([B, T, 3 * H, D], Type(run), run.Device).requires_grad_();
        var dy = randn([B, T, H, D], Type(run), run.Device);
        Tensor Forward()
        {
            using var use = AttentionKernel.Use(kind);
            var (q, k, v) = Operators.SplitHeads(qkv, D, H, H);
            return AttentionKernel.Run(q, k, v, arguments);
        }
        BenchResult Row(string what, int products, Action action)
        {
            var seconds = run.Best(action);
            var rate = products * 2.0 * B * H * D * pairs / seconds / 1e9;
            return new(label + what, run, 1e3 * seconds, "ms")
            {
                Facts = new JsonObject { ["gflops"] = Math.Round(rate, 1), ["share_of_matmul"] = Math.Round(rate / roof, 3) },
            };
        }
        yield return Row("", 2, () =>
        {
            using var each = NewDisposeScope();
            using var none = no_grad();
            Forward();
        });
        yield return Row(" with gradients", 7, () =>
        {
            using var each = NewDisposeScope();
            Forward().backward([dy]);
            qkv.grad = null;
            if (arguments.Terms.Bias is { } bias) bias.grad = null;
            if (arguments.Terms.ByDistance is { } terms) terms.grad = null;
        });
    }

    private static BenchResult Decode(string name, BenchRun run)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        var (q, kv) = (randn([1, 1, H, D], Type(run), run.Device), randn([1, Cached, 2 * H, D], Type(run), run.Device));
        var seconds = run.Best(() =>
        {
            using var each = NewDisposeScope();
            AttentionKernel.Run(q, kv.narrow(2, 0, H), kv.narrow(2, H, H), new() { Causal = true });
        });
        var bytes = kv.numel() * kv.element_size();
        return new($"{name} decode on {Cached}", run, 1e3 * seconds, "ms")
        {
            Facts = new JsonObject { ["gigabytes_per_second"] = Math.Round(bytes / seconds / 1e9, 1) },
        };
    }

    private static IEnumerable<BenchResult> Memory(string name, BenchRun run)
    {
        if (run.Device.type != TorchSharp.DeviceType.CPU || HostMemory.Read() is null) yield break;
        foreach (var gradients in new[] { false, true })
        {
            var plain = Peak(AttentionKernelKind.Math, gradients);
            foreach (var (kind, peak) in new[] { (AttentionKernelKind.Fused, Peak(AttentionKernelKind.Fused, gradients)),
                (AttentionKernelKind.Math, plain) })
            {
                var what = $"{name} {kind.ToString().ToLowerInvariant()} on {Cached}{(gradients ? " with gradients" : "")}: memory";
                yield return new(what, run, peak / 1e6, "MB")
                {
                    Facts = new JsonObject { ["share_of_math"] = Math.Round(peak / plain, 4) },
                };
            }
        }

        double Peak(AttentionKernelKind kind, bool gradients)
        {
            using var scope = NewDisposeScope();
            using var grad = set_grad_enabled(gradients);
            using var use = AttentionKernel.Use(kind);
            var qkv = randn([1, Cached, 3 * H, D], Type(run), run.Device).requires_grad_(gradients);
            var before = HostMemory.Read(restart: true)!.Value.Used;
            var mixed = AttentionKernel.Run(
                qkv.narrow(2, 0, H), qkv.narrow(2, H, H), qkv.narrow(2, 2 * H, H), new() { Causal = true });
            if (gradients) mixed.backward([ones_like(mixed)]);
            return HostMemory.Read()!.Value.Peak - before;
        }
    }

    /// <summary>GFLOP/s of a plain product.</summary>
    private static double Roof(BenchRun run)
    {
        long N = Roofs.Edge(run.Device) / 2;
        var (x, y) = (randn([N, N], Type(run), run.Device), randn([N, N], Type(run), run.Device));
        return 2.0 * N * N * N / 1e9 / run.Best(() => x.matmul(y).Dispose());
    }

    private static ScalarType Type(BenchRun run) => run.Precision == Precision.Bf16 ? ScalarType.BFloat16 : ScalarType.Float32;

    private static (long B, long T) Sizes(BenchRun run) => (run.Batch ?? 2, run.Length ?? 512);

    private static long Pairs(BenchRun run, Func<long, long, bool> seen)
    {
        var T = Sizes(run).T;
        var pairs = 0L;
        for (var i = 0L; i < T; i++)
            for (var j = 0L; j < T; j++)
                if (seen(i, j)) pairs++;
        return pairs;
    }
}
