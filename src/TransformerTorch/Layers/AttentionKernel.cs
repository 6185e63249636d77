using TransformerTorch.Tensors;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace TransformerTorch.Layers;

/// <summary>Who computes softmax(q k^T) v.</summary>
public enum AttentionKernelKind
{
    /// <summary>Our native operator: one pass, no (Tq, Tk) matrix in memory.</summary>
    Fused,

    /// <summary>TorchSharp's scaled_dot_product_attention.</summary>
    Sdpa,

    /// <summary>The plain mathematics, the oracle of the others.</summary>
    Math,
}

/// <summary>What is visible to whom, and how scores are shaped.</summary>
public sealed record AttentionArguments
{
    /// <summary>Query i, which stands at i + (Tk - Tq), sees no key after it.</summary>
    public bool Causal { get; init; }

    /// <summary>It sees only keys nearer than this, in both directions where it is not causal; 0: all.</summary>
    public int Window { get; init; }

    /// <summary>What else is hidden, and what is added to the scores.</summary>
    public AttentionTerms Terms { get; init; } = AttentionTerms.None;

    /// <summary>
    /// Whether some rows see no key at all and their gradients matter; only plain mathematics knows how many keys share their weight.
    /// </summary>
    public bool BlindRows { get; init; }

    /// <summary>Multiplies the scores; null: 1/sqrt(D).</summary>
    public double? Scale { get; init; }

    /// <summary>Scores are squashed to within this by tanh; 0: not.</summary>
    public double SoftCap { get; init; }

    /// <summary>Probability of dropping an attention weight; 0 outside training.</summary>
    public double Dropout { get; init; }
}

/// <summary>
/// Attention of query (B, Tq, H, D) over key and value (B, Tk, K, D), H a multiple of K, giving (B, Tq, H, D): three kernels of one
/// signature, equal within 1e-5 in float32. The fastest that covers the arguments runs unless <see cref="Override"/>, <see cref="Use"/>
/// or <c>TT_ATTENTION</c> (fused, sdpa, math) names one.
/// </summary>
public static class AttentionKernel
{
    /// <summary>A score this low gets no weight, in every floating type that has float32's range, and a row of them no NaN.</summary>
    public const float Hidden = -1e30f;

    private static readonly NativeSlot s_attention = new("attention");
    private static readonly HashSet<(Delegate, AttentionKernelKind, string?, string?)> s_told = [];
    [ThreadStatic] private static AttentionKernelKind? t_override;

    /// <summary>The kernel for the whole process; null: the fastest that can.</summary>
    public static AttentionKernelKind? Override { get; set; }
        = Environment.GetEnvironmentVariable("TT_ATTENTION") is { Length: > 0 } name ? Parse(name) : null;

    /// <summary>fused, sdpa or math.</summary>
    /// <exception cref="ArgumentException">None of these.</exception>
    public static AttentionKernelKind Parse(string name) => name switch
    {
        "fused" => AttentionKernelKind.Fused,
        "sdpa" => AttentionKernelKind.Sdpa,
        "math" => AttentionKernelKind.Math,
        _ => throw new ArgumentException($"unknown attention kernel '{name}': fused, sdpa or math"),
    };

    /// <summary>
    /// Told each kernel that ran, once, what kept the fused one from running, and on CUDA whose kernel the fused one was and why.
    /// </summary>
    public static Action<AttentionKernelKind, string?, string?>? Choosing { get; set; }

    /// <summary>Has this thread use one kernel until disposed.</summary>
    public static IDisposable Use(AttentionKernelKind kind)
    {
        var before = t_override;
        t_override = kind;
        return new Guard(() => t_override = before);
    }

    /// <summary>Which kernel runs for these arguments. A named one that does not cover them gives way to the next that does.</summary>
    public static AttentionKernelKind Chosen(AttentionArguments arguments)
    {
        if (WhyNotFused(arguments) is null) return AttentionKernelKind.Fused;
        var math = arguments.BlindRows || arguments.SoftCap > 0 || Wanted == AttentionKernelKind.Math;
        return math ? AttentionKernelKind.Math : AttentionKernelKind.Sdpa;
    }

    /// <summary>What keeps the fused kernel, the fastest, from running; null where it runs.</summary>
    public static string? WhyNotFused(AttentionArguments arguments)
        => Wanted is { } named and not AttentionKernelKind.Fused ? $"{named.ToString().ToLowerInvariant()} was asked for"
            : arguments.BlindRows ? "rows that see no key share their weight evenly, as plain mathematics alone does"
            : s_attention.Get() is null ? NativeBridge.Missing ?? "the native library has no attention" : null;

    private static void Tell(Action<AttentionKernelKind, string?, string?> tell, AttentionKernelKind kind, string? why)
    {
        var by = kind == AttentionKernelKind.Fused ? NativeBridge.CudaAttention : null;
        lock (s_told)
            if (!s_told.Add((tell, kind, why, by))) return;
        tell(kind, why, by);
    }

    private static AttentionKernelKind? Wanted => t_override ?? Override;

    /// <summary>Runs the chosen kernel.</summary>
    /// <param name="query">(B, Tq, H, D), any strides with the last dimension contiguous</param>
    /// <param name="key">(B, Tk, K, D)</param>
    /// <param name="value">(B, Tk, K, D)</param>
    /// <param name="arguments">masks, bias, scale</param>
    /// <returns>(B, Tq, H, D)</returns>
    public static Tensor Run(Tensor query, Tensor key, Tensor value, AttentionArguments arguments)
    {
        using var scope = NewDisposeScope();
        var kind = Chosen(arguments);
        var result = kind switch
        {
            AttentionKernelKind.Fused => Fused(query, key, value, arguments),
            AttentionKernelKind.Sdpa => Sdpa(Autocast.Cast(query), Autocast.Cast(key), Autocast.Cast(value), arguments),
            _ => Mathematics(Autocast.Cast(query), Autocast.Cast(key), Autocast.Cast(value), arguments),
        };
        if (Choosing is { } tell) Tell(tell, kind, WhyNotFused(arguments));
        return result.MoveToOuterDisposeScope();
    }

    /// <summary>The weights (B, H, Tq, Tk) that plain mathematics gives the keys, float32, without dropout.</summary>
    public static Tensor Weights(Tensor query, Tensor key, AttentionArguments arguments)
    {
        using var scope = NewDisposeScope();
        return Scores(query, key, arguments).softmax(-1).MoveToOuterDisposeScope();
    }

    private static Tensor Fused(Tensor query, Tensor key, Tensor value, AttentionArguments a)
        => s_attention.Get()!.Call(query, key, value, a.Terms.Bias, (Tensor?)null, a.Causal, a.Window, a.Scale, a.SoftCap,
            a.Terms.KeyMask, a.Terms.Documents, a.Terms.Prefix, (Tensor?)null, a.Terms.ByDistance, a.Dropout);

    private static Tensor Sdpa(Tensor query, Tensor key, Tensor value, AttentionArguments a)
    {
        var (B, Tq, H, D) = query.Dims4();
        var Tk = key.shape[1];
        // TorchSharp's takes neither a scale nor grouped heads, and aligns its causal mask with the first key rather than the last.
        var width = a.Scale is null ? D : PowerOfFour(D);
        var q = (a.Scale is { } scale ? query * (scale * Math.Sqrt(width)) : query).transpose(1, 2); // (B, H, Tq, D)
        var (k, v) = (Heads(key, H), Heads(value, H)); // (B, H, Tk, D)
        if (width > D) (q, k, v) = (F.pad(q, (0, width - D)), F.pad(k, (0, width - D)), F.pad(v, (0, width - D)));
        var plain = a.Causal && a.Window == 0 && a.Terms == AttentionTerms.None && Tq == Tk;
        var bias = plain ? null : Bias(a, Tq, Tk, query);
        var mixed = F.scaled_dot_product_attention(q, k, v, bias?.to(q.dtype), a.Dropout, is_casual: plain);
        return mixed.transpose(1, 2).narrow(-1, 0, D); // (B, Tq, H, D)
    }

    /// <summary>The next size by whose root scores are divided without rounding: so a scale of one's own costs no precision.</summary>
    private static long PowerOfFour(long size) => (long)Math.Pow(4, Math.Ceiling(Math.Log(size, 4) - 1e-9));

    private static Tensor Mathematics(Tensor query, Tensor key, Tensor value, AttentionArguments a)
    {
        var weights = Dropout.Apply(Scores(query, key, a).softmax(-1).to(value.dtype), a.Dropout, training: true); // (B, H, Tq, Tk)
        return matmul(weights, Heads(value, query.shape[2])).transpose(1, 2); // (B, Tq, H, D)
    }

    private static Tensor Scores(Tensor query, Tensor key, AttentionArguments a)
    {
        var (B, Tq, H, D) = query.Dims4();
        var products = matmul(query.transpose(1, 2), Heads(key, H).transpose(-2, -1)); // (B, H, Tq, Tk)
        var scores = products.Wide() * (a.Scale ?? (1 / Math.Sqrt(D)));
        if (a.SoftCap > 0) scores = (scores / a.SoftCap).tanh() * a.SoftCap;
        return Bias(a, Tq, key.shape[1], query) is { } bias ? scores + bias : scores;
    }

    /// <summary>Key or value heads (B, T, K, D) repeated for the query heads they serve: (B, H, T, D).</summary>
    private static Tensor Heads(Tensor x, long heads)
    {
        var (B, T, K, D) = x.Dims4();
        var transposed = x.transpose(1, 2); // (B, K, T, D)
        return K == heads ? transposed : transposed.unsqueeze(2).expand(B, K, heads / K, T, D).reshape(B, heads, T, D);
    }

    /// <summary>All that is added to the scores: the terms and what causality and window hide; null where that is nothing.</summary>
    private static Tensor? Bias(AttentionArguments a, long Tq, long Tk, Tensor like)
    {
        var bias = a.Terms.Composed(Tq, Tk).Bias;
        if (a.Window == 0 && (!a.Causal || Tq == 1)) return bias;
        var distance = arange(Tk - Tq, Tk, device: like.device).unsqueeze(1) - arange(Tk, device: like.device); // (Tq, Tk)
        var hidden = a.Causal ? distance.lt(0) : zeros_like(distance, ScalarType.Bool);
        if (a.Causal && a.Terms.Prefix is { } prefix)
            hidden = hidden.logical_and(arange(Tk, device: like.device).ge(prefix.view(-1, 1, 1, 1))); // (B, 1, Tq, Tk)
        if (a.Window > 0) hidden = hidden.logical_or(distance.abs().ge(a.Window));
        var mask = zeros(hidden.shape, ScalarType.Float32, like.device).masked_fill(hidden, float.NegativeInfinity);
        return bias is null ? mask : bias + mask;
    }
}
