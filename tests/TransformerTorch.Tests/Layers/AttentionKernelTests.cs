using System.Collections.Concurrent;
using TorchSharp;
using TransformerTorch.Layers;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Layers;

/// <summary>Every kernel against attention written out over single queries in double precision.</summary>
public class AttentionKernelTests
{
    private const double Within = 1e-5;

    public sealed record Shape(int B, int Tq, int Tk, int H, int K, int D);

    private static readonly Tensor s_documents = tensor(new long[,] { { 0, 0, 0, 1, 1, 2, 2, 2, 2 }, { 4, 4, 4, 4, 4, 4, 4, 4, 5 } });
    private static readonly Tensor s_prefix = tensor(new long[] { 0, 5 });
    private static readonly Tensor s_byDistance = arange(24, ScalarType.Float32).sin().view(2, 12);

    private static readonly Dictionary<string, (Shape Shape, AttentionArguments Arguments)> s_cases = new()
    {
        ["plain"] = (new(2, 7, 7, 4, 4, 8), new()),
        ["causal"] = (new(2, 7, 7, 4, 4, 8), new() { Causal = true }),
        ["causal, grouped"] = (new(2, 9, 9, 6, 2, 16), new() { Causal = true }),
        ["one query on a cache"] = (new(3, 1, 11, 4, 1, 8), new() { Causal = true }),
        ["three queries on a cache"] = (new(1, 3, 11, 4, 2, 8), new() { Causal = true }),
        ["window"] = (new(2, 13, 13, 2, 2, 8), new() { Causal = true, Window = 4 }),
        ["window on a cache"] = (new(2, 1, 13, 2, 2, 8), new() { Causal = true, Window = 4 }),
        ["scale and cap"] = (new(2, 6, 6, 4, 2, 8), new() { Causal = true, Scale = 0.7, SoftCap = 2 }),
        ["cross, no mask"] = (new(2, 5, 9, 4, 4, 8), new() { Scale = 1 }),
        ["long and odd"] = (new(1, 131, 131, 3, 3, 20), new() { Causal = true }),
        ["documents"] = (new(2, 9, 9, 2, 2, 8), new() { Causal = true, Terms = new() { Documents = s_documents } }),
        ["documents on a cache"] = (new(2, 3, 9, 2, 1, 8), new() { Causal = true, Terms = new() { Documents = s_documents } }),
        ["prefix"] = (new(2, 7, 7, 4, 2, 8), new() { Causal = true, Terms = new() { Prefix = s_prefix } }),
        ["terms by distance"] = (new(2, 5, 8, 2, 2, 8), new() { Terms = new() { ByDistance = s_byDistance } }),
    };

    public static TheoryData<string, AttentionKernelKind, bool> Cases()
    {
        var cases = new TheoryData<string, AttentionKernelKind, bool>();
        foreach (var name in s_cases.Keys)
            foreach (var kernel in Enum.GetValues<AttentionKernelKind>())
                foreach (var padded in (bool[])[false, true]) cases.Add(name, kernel, padded);
        return cases;
    }

    [SkippableTheory, MemberData(nameof(Cases))]
    public void A_kernel_equals_attention_written_out(string name, AttentionKernelKind kernel, bool padded)
    {
        using var way = new Way(kernel, bridge: kernel == AttentionKernelKind.Fused);
        using var scope = NewDisposeScope();
        var (shape, arguments) = s_cases[name];
        var (q, k, v) = Inputs(shape);
        var given = padded ? arguments with { Terms = arguments.Terms with { KeyMask = Padding(shape) } } : arguments;

        var actual = AttentionKernel.Run(q, k, v, given);
        var expected = WrittenOut(q, k, v, given);

        TensorAssert.Close(expected, actual.to(ScalarType.Float64), Within);
    }

    [Fact]
    public void A_kernel_that_runs_is_told_once_and_why_it_is_not_the_fused_one()
    {
        using var way = new Way(AttentionKernelKind.Math, bridge: false);
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs(s_cases["plain"].Item1);
        var told = new ConcurrentQueue<(AttentionKernelKind, string?)>(); // others' tests run beside
        var before = AttentionKernel.Choosing;
        try
        {
            AttentionKernel.Choosing = (kind, why, _) => told.Enqueue((kind, why));
            for (var i = 0; i < 2; i++) AttentionKernel.Run(q, k, v, new());
        }
        finally
        {
            AttentionKernel.Choosing = before;
        }

        Assert.Contains((AttentionKernelKind.Math, "math was asked for"), told);
        Assert.Equal(told.Distinct(), told);
    }

    [SkippableTheory, MemberData(nameof(Cases))]
    public void A_kernels_gradients_equal_those_of_attention_written_out(string name, AttentionKernelKind kernel, bool padded)
    {
        using var way = new Way(kernel, bridge: kernel == AttentionKernelKind.Fused);
        using var scope = NewDisposeScope();
        var (shape, arguments) = s_cases[name];
        Tensor[] inputs = [.. Each(Inputs(shape)).Select(t => t.detach().requires_grad_())];
        Tensor[] wide = [.. inputs.Select(t => t.detach().to(ScalarType.Float64).requires_grad_())];
        var given = padded ? arguments with { Terms = arguments.Terms with { KeyMask = Padding(shape) } } : arguments;
        var weight = randn(shape.B, shape.Tq, shape.H, shape.D);

        (AttentionKernel.Run(inputs[0], inputs[1], inputs[2], given) * weight).sum().backward();
        (WrittenOut(wide[0], wide[1], wide[2], given) * weight).sum().backward();

        for (var i = 0; i < 3; i++) TensorAssert.Close(wide[i].grad!, inputs[i].grad!, 5 * Within);
    }

    [Fact]
    public void An_unknown_kernels_name_is_refused_with_those_there_are()
    {
        var error = Assert.Throws<ArgumentException>(() => AttentionKernel.Parse("flash"));
        Assert.Equal("unknown attention kernel 'flash': fused, sdpa or math", error.Message);
    }

    /// <summary>Views into one product, as the projection makes them.</summary>
    private static (Tensor, Tensor, Tensor) Inputs(Shape s)
    {
        manual_seed(s.Tq + (100 * s.Tk));
        var kv = randn(s.B, s.Tk, 2 * s.K, s.D);
        return (randn(s.B, s.Tq, s.H + 1, s.D).narrow(2, 0, s.H), kv.narrow(2, 0, s.K), kv.narrow(2, s.K, s.K));
    }

    private static IEnumerable<Tensor> Each((Tensor, Tensor, Tensor) t) => [t.Item1, t.Item2, t.Item3];

    /// <summary>The second key of the first row is hidden.</summary>
    private static Tensor Padding(Shape s)
    {
        var mask = ones([s.B, s.Tk], ScalarType.Int64);
        mask[0, 1] = 0;
        return mask;
    }

    private static Tensor WrittenOut(Tensor query, Tensor key, Tensor value, AttentionArguments a)
    {
        var (q, k, v) = (query.to(ScalarType.Float64), key.to(ScalarType.Float64), value.to(ScalarType.Float64));
        var (B, Tq, Tk, H, K, D) = (q.shape[0], q.shape[1], k.shape[1], q.shape[2], k.shape[2], q.shape[3]);
        var outputs = new List<Tensor>();
        for (var b = 0L; b < B; b++)
            for (var i = 0L; i < Tq; i++)
            {
                var seen = Seen(a, b, i + (Tk - Tq), Tk);
                var rows = new List<Tensor>();
                for (var h = 0L; h < H; h++)
                {
                    var (kh, vh) = (k[b].select(1, h * K / H)[seen], v[b].select(1, h * K / H)[seen]); // (keys, D)
                    var scores = kh.mv(q[b, i, h]) * (a.Scale ?? (1 / Math.Sqrt(D))); // (keys)
                    if (a.SoftCap > 0) scores = (scores / a.SoftCap).tanh() * a.SoftCap;
                    if (a.Terms.ByDistance is { } terms) scores = scores + terms[h].index_select(0, i + Tk - 1 - seen);
                    rows.Add(vh.t().mv(scores.softmax(-1))); // (D)
                }
                outputs.Add(stack(rows));
            }
        return stack(outputs).view(B, Tq, H, D);
    }

    private static Tensor Seen(AttentionArguments a, long row, long position, long keys)
    {
        bool Sees(long key)
            => (!a.Causal || key <= position || key < a.Terms.Prefix?[row].item<long>()) && (a.Window == 0 || position - key < a.Window)
                && a.Terms.KeyMask?[row, key].item<long>() != 0
                && a.Terms.Documents?[row, key].item<long>() == a.Terms.Documents?[row, position].item<long>();
        return tensor([.. Enumerable.Range(0, (int)keys).Select(key => (long)key).Where(Sees)]);
    }
}
