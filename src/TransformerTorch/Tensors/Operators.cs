using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace TransformerTorch.Tensors;

/// <summary>
/// The operators of this project: one native call where the bridge has it, else the same meaning composed of TorchSharp's. (Attention
/// has its own seam: <c>Layers.AttentionKernel</c>.)
/// </summary>
public static class Operators
{
    private static readonly NativeSlot s_linear = new("linear"), s_layerNorm = new("layer_norm"), s_rmsNorm = new("rms_norm"),
        s_activation = new("activation"), s_addNorm = new("add_norm"),
        s_rotary = new("rotary"), s_crossEntropy = new("linear_cross_entropy"), s_embedding = new("embedding"),
        s_linearActivation = new("linear_activation"), s_splitHeads = new("split_heads"),
        s_appendHeads = new("append_heads"), s_placeHeads = new("place_heads");

    /// <summary>x W^T + b.</summary>
    /// <param name="x">(..., C)</param>
    /// <param name="weight">(out, C)</param>
    /// <param name="bias">(out) or none</param>
    public static Tensor Linear(Tensor x, Tensor weight, Tensor? bias)
        => s_linear.Get() is { } native ? native.Call(x, weight, bias)
            : F.linear(Autocast.Cast(x), Autocast.Cast(weight), bias is null ? null : Autocast.Cast(bias));

    /// <summary><see cref="Activate"/> of x W^T + b: the function where the products end, its gradient together with the bias's.</summary>
    /// <param name="x">(..., C)</param>
    /// <param name="affine">(F, C), gated (2F, C), and that many or none</param>
    /// <param name="name">which</param>
    /// <param name="gated">whether the first half of the features multiplies the second</param>
    /// <returns>(..., F)</returns>
    public static Tensor LinearActivation(Tensor x, (Tensor Weight, Tensor? Bias) affine, string name, bool gated = false)
        => !Recomputation.IsFirstPass && s_linearActivation.Get() is { } native ? native.Call(x, affine.Weight, affine.Bias, name, gated)
            : Activate(Linear(x, affine.Weight, affine.Bias), name, gated);

    /// <summary>Rows of a table (V, C) by index, of any shape: (..., C). The padding row, where there is one, gets no gradient.</summary>
    public static Tensor Embedding(Tensor table, Tensor ids, long? padding = null)
    {
        if (s_embedding.Get() is { } native) return native.Call(table, ids, padding ?? -1L);
        var rows = table.index_select(0, ids.flatten()).view([.. ids.shape, table.shape[1]]);
        return padding is { } id ? where(ids.eq(id).unsqueeze(-1), rows.detach(), rows) : rows;
    }

    /// <summary>Layer normalisation over the last dimension (Ba et al., 2016).</summary>
    public static Tensor LayerNorm(Tensor x, Tensor? weight, Tensor? bias, double epsilon)
        => s_layerNorm.Get() is { } native ? native.Call(x, weight, bias, epsilon)
            : F.layer_norm(x, [x.shape[^1]], weight, bias, epsilon);

    /// <summary>Root mean square normalisation over the last dimension (Zhang and Sennrich, 2019), computed in float32.</summary>
    public static Tensor RmsNorm(Tensor x, Tensor? weight, double epsilon)
    {
        if (s_rmsNorm.Get() is { } native) return native.Call(x, weight, epsilon);
        var wide = x.Wide();
        var normed = (wide * (wide.square().mean([-1], keepdim: true) + epsilon).rsqrt()).to(x.dtype);
        return weight is null ? normed : normed * weight;
    }

    /// <summary>What is added to x, and the norm of the sum, in one pass.</summary>
    /// <param name="x">(..., C)</param>
    /// <param name="added">(..., C)</param>
    /// <param name="affine">each (C) or none</param>
    /// <param name="epsilon">added to the variance</param>
    /// <param name="centred">layer norm; else RMS norm</param>
    public static (Tensor Sum, Tensor Normed) AddNorm(
        Tensor x, Tensor added, (Tensor? Weight, Tensor? Bias) affine, double epsilon, bool centred)
    {
        if (s_addNorm.Get() is { } native) return native.CallTwo(x, added, affine.Weight, affine.Bias, epsilon, centred);
        var sum = x + added;
        return (sum, centred ? LayerNorm(sum, affine.Weight, affine.Bias, epsilon) : RmsNorm(sum, affine.Weight, epsilon));
    }

    /// <summary>gelu (Hendrycks and Gimpel, 2016), gelu_tanh (its approximation), silu or relu.</summary>
    /// <param name="x">(..., F), gated (..., 2F)</param>
    /// <param name="name">which</param>
    /// <param name="gated">whether the first half, so shaped, multiplies the second</param>
    public static Tensor Activate(Tensor x, string name, bool gated = false)
    {
        if (s_activation.Get() is { } native) return native.Call(x, name, gated);
        var half = x.shape[^1] / 2;
        var y = gated ? x.narrow(-1, 0, half) : x;
        y = name switch
        {
            "gelu" => F.gelu(y, TorchSharp.Modules.GELU.Approximate.none),
            "gelu_tanh" => F.gelu(y, TorchSharp.Modules.GELU.Approximate.tanh),
            "silu" => F.silu(y),
            "relu" => F.relu(y),
            _ => throw new ArgumentException($"unknown activation '{name}'"),
        };
        return gated ? y * x.narrow(-1, half, half) : y;
    }

    /// <summary>
    /// Rotary position embedding (Su et al., 2021) of the first R of D features: pairs are the two halves of those, or neighbours
    /// where <paramref name="interleaved"/>.
    /// </summary>
    /// <param name="x">(B, T, N, D)</param>
    /// <param name="angles">cosines and sines, each (T, R/2) or (B, T, R/2)</param>
    /// <param name="interleaved">which features pair up</param>
    /// <param name="heads">how many of the N turn, the first ones; 0: all</param>
    /// <param name="reuse">whether the result may take x's memory, which the caller does not use again</param>
    public static Tensor Rotary(Tensor x, (Tensor Cos, Tensor Sin) angles, bool interleaved = false, long heads = 0, bool reuse = false)
    {
        if (s_rotary.Get() is { } native) return native.Call(x, angles.Cos, angles.Sin, interleaved, heads, reuse);
        var (B, T, N, D) = x.Dims4();
        var half = angles.Cos.shape[^1];
        if (heads == 0) heads = N;
        var (c, s) = (angles.Cos.unsqueeze(-2).to(x.dtype), angles.Sin.unsqueeze(-2).to(x.dtype)); // (..., T, 1, R/2)
        var turning = x.narrow(2, 0, heads);
        var rotated = turning.narrow(-1, 0, 2 * half);
        var pairs = interleaved ? rotated.reshape(B, T, heads, half, 2) : rotated.reshape(B, T, heads, 2, half);
        var axis = interleaved ? -1 : -2;
        var (a, b) = (pairs.select(axis, 0), pairs.select(axis, 1)); // (B, T, heads, R/2)
        var turned = stack([(a * c) - (b * s), (b * c) + (a * s)], axis).reshape(B, T, heads, 2 * half);
        if (2 * half < D) turned = cat([turned, turning.narrow(-1, 2 * half, D - (2 * half))], -1);
        return heads == N ? turned : cat([turned, x.narrow(2, heads, N - heads)], 2);
    }

    /// <summary>
    /// Heads as their first, the next and the others, where they lie: their gradients come together in one piece, where three narrow views
    /// would each add to a zeroed whole.
    /// </summary>
    /// <param name="x">(B, T, N, D), or as a projection puts them (B, T, N D)</param>
    /// <param name="size">D</param>
    /// <param name="first">how many come first</param>
    /// <param name="second">how many come next</param>
    /// <returns>(B, T, first, D), (B, T, second, D) and (B, T, N - first - second, D), as views</returns>
    public static (Tensor First, Tensor Second, Tensor Others) SplitHeads(Tensor x, long size, long first, long second)
    {
        if (s_splitHeads.Get() is { } native) return native.CallThree(x, first, second, size);
        var heads = x.dim() == 4 ? x : x.view(x.shape[0], x.shape[1], x.shape[2] / size, size);
        var parts = heads.split([first, second, heads.shape[2] - first - second], dim: 2);
        return (parts[0], parts[1], parts[2]);
    }

    /// <summary>Puts new keys and values where a cache has room for them, without gradients.</summary>
    /// <param name="keys">(B, T, K, D)</param>
    /// <param name="values">(B, T, K, D)</param>
    /// <param name="room">each (B, capacity, K, D)</param>
    /// <param name="start">the first position that is still held</param>
    /// <param name="end">the position of the first new one</param>
    /// <returns>what is held with them, each (B, end + T - start, K, D), as views</returns>
    public static (Tensor Keys, Tensor Values) AppendHeads(
        Tensor keys, Tensor values, (Tensor Keys, Tensor Values) room, long start, long end)
    {
        if (s_appendHeads.Get() is { } native) return native.CallTwo(keys, values, room.Keys, room.Values, start, end);
        using var constant = no_grad();
        using var scope = NewDisposeScope();
        var last = end + keys.shape[1];
        return (Put(keys, room.Keys), Put(values, room.Values));

        Tensor Put(Tensor from, Tensor to)
        {
            to.narrow(1, end, last - end).copy_(from);
            return to.narrow(1, start, last - start).MoveToOuterDisposeScope();
        }
    }

    /// <summary>Puts new keys and values into the slots of a cache, without gradients.</summary>
    /// <param name="keys">(1, N, K, D)</param>
    /// <param name="values">(1, N, K, D)</param>
    /// <param name="room">each (slots, K, D)</param>
    /// <param name="slots">(N) int64, where each goes</param>
    public static void PlaceHeads(Tensor keys, Tensor values, (Tensor Keys, Tensor Values) room, Tensor slots)
    {
        if (s_placeHeads.Get() is { } native)
        {
            native.Run(keys, values, room.Keys, room.Values, slots);
            return;
        }
        using var constant = no_grad();
        using var scope = NewDisposeScope();
        room.Keys.index_copy_(0, slots, keys.squeeze(0));
        room.Values.index_copy_(0, slots, values.squeeze(0));
    }

    /// <summary>
    /// The SUM of cross-entropies of <c>softmax(hidden W^T + b)</c> over the targets that are not ignored, a float32 scalar. The native
    /// operator never holds all logits at once.
    /// </summary>
    /// <param name="hidden">(N, C)</param>
    /// <param name="weight">(V, C)</param>
    /// <param name="bias">(V) or none</param>
    /// <param name="targets">(N) int64</param>
    /// <param name="options">what is ignored, smoothed and capped</param>
    public static Tensor LinearCrossEntropy(Tensor hidden, Tensor weight, Tensor? bias, Tensor targets, CrossEntropyOptions? options = null)
    {
        var o = options ?? CrossEntropyOptions.Default;
        if (s_crossEntropy.Get() is { } native)
            return native.Call(hidden, weight, bias, targets, o.IgnoreIndex, o.LabelSmoothing, o.ZLoss, o.SoftCap);
        var logits = Linear(hidden, weight, bias).Wide(); // (N, V)
        if (o.SoftCap > 0) logits = (logits / o.SoftCap).tanh() * o.SoftCap;
        var loss = F.cross_entropy(logits, targets, ignore_index: o.IgnoreIndex, reduction: nn.Reduction.Sum,
            label_smoothing: o.LabelSmoothing);
        return o.ZLoss == 0 ? loss
            : loss + (logits.logsumexp(-1).square() * targets.ne(o.IgnoreIndex).to(ScalarType.Float32)).sum() * o.ZLoss;
    }
}

/// <summary>What a cross-entropy ignores, smooths, penalises and caps.</summary>
public sealed record CrossEntropyOptions
{
    /// <summary>Nothing smoothed, penalised or capped; -100 ignored.</summary>
    public static readonly CrossEntropyOptions Default = new();

    /// <summary>Targets of this value do not count.</summary>
    public long IgnoreIndex { get; init; } = -100;

    /// <summary>The share of probability spread evenly over all classes.</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>The weight of the squared log of the partition function (Chowdhery et al., 2022).</summary>
    public double ZLoss { get; init; }

    /// <summary>Logits are squashed to within this by tanh; 0: not.</summary>
    public double SoftCap { get; init; }
}

/// <summary>A native operator, ours unless it says whose, looked up once; none while the bridge is missing or suspended.</summary>
internal sealed class NativeSlot(string name, string overload = "")
{
    private readonly Lazy<NativeOperator?> _operator
        = new(() => NativeOperator.Find(name.Contains("::", StringComparison.Ordinal) ? name : $"transformertorch::{name}", overload));

    public NativeOperator? Get() => NativeBridge.IsAvailable ? _operator.Value : null;
}
