using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace TorchSharp.Tests;

/// <summary>Against the mathematics written out, or against figures that PyTorch prints.</summary>
[Collection("global random state")]
public sealed class FunctionTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly Tensor _x = tensor(new float[,] { { 1, -2, 3 }, { 0.5f, 4, -1 } });

    public void Dispose() => _scope.Dispose();

    private static void Close(Tensor expected, Tensor actual, double tolerance = 1e-5)
    {
        Assert.Equal(expected.shape, actual.shape);
        Assert.True(expected.allclose(actual, tolerance, tolerance), $"{expected.npstr()} is not {actual.npstr()}");
    }

    [Fact]
    public void Reductions()
    {
        Assert.Equal(5.5f, _x.sum().item<float>());
        Close(tensor(new float[] { 1.5f, 2, 2 }), _x.sum(0L));
        Close(tensor(new float[,] { { 2 }, { 3.5f } }), _x.sum([1], keepdim: true));
        Close(tensor(new float[] { 2f / 3, 3.5f / 3 }), _x.mean([1]));
        Assert.Equal(ScalarType.Float64, _x.sum(type: ScalarType.Float64).dtype);
        Close((_x - _x.mean()).pow(2).sum() / 5, _x.var());
        Close((_x - _x.mean()).pow(2).mean().sqrt(), _x.std(unbiased: false));
        Close(_x.exp().sum(1).log(), _x.logsumexp(1));
        var (values, indices) = _x.max(1);
        Close(tensor(new float[] { 3, 4 }), values);
        Assert.Equal([2L, 1], indices.data<long>().ToArray());
        Assert.Equal([2L, 1], _x.argmax(1).data<long>().ToArray());
        Assert.Equal(4f, _x.max().item<float>());
        Assert.Equal([-2f, -1], _x.amin([1]).data<float>().ToArray());
        Assert.True((_x > -3).all().item<bool>() && (_x > 3).any().item<bool>());
        Close(_x.pow(2).sum().sqrt(), _x.norm());
        Assert.Equal(6L, _x.count_nonzero().item<long>());
        Close(tensor(new float[,] { { 1, -1, 2 }, { 0.5f, 4.5f, 3.5f } }), _x.cumsum(1));
    }

    [Fact]
    public void Sorting_and_choosing()
    {
        var (values, indices) = _x.topk(2, 1);
        Close(tensor(new float[,] { { 3, 1 }, { 4, 0.5f } }), values);
        Assert.Equal([2L, 0, 1, 0], indices.data<long>().ToArray());
        var (sorted, order) = _x.sort(1, descending: true);
        Assert.Equal([3f, 1, -2, 4, 0.5f, -1], sorted.data<float>().ToArray());
        Assert.Equal(order.data<long>().ToArray(), _x.argsort(1, descending: true).data<long>().ToArray());
        Close(tensor(new float[,] { { 3 }, { 0.5f } }), _x.gather(1, tensor(new long[,] { { 2 }, { 0 } })));
        Close(tensor(new float[,] { { 1, 0, 3 }, { 0.5f, 4, 0 } }), _x.masked_fill(_x < 0, 0));
        Close(_x.relu(), where(_x > 0, _x, zeros_like(_x)));
        Close(tensor(new float[,] { { 0, 7, 0 }, { 0, 0, 7 } }),
            zeros(2, 3).scatter(1, tensor(new long[,] { { 1 }, { 2 } }), full(2, 1, 7.0)));
        Assert.Equal([0L, 2, 1, 0], bincount(tensor(new long[] { 1, 1, 2 }), minlength: 4).data<long>().ToArray());
        var (unique, inverse, counts) = tensor(new long[] { 3, 1, 3 }).unique(return_inverse: true, return_counts: true);
        Assert.Equal([1L, 3], unique.data<long>().ToArray());
        Assert.Equal([1L, 0, 1], inverse!.data<long>().ToArray());
        Assert.Equal([1L, 2], counts!.data<long>().ToArray());
        Assert.Equal([1L, 1], (_x == 4).nonzero()[0].data<long>().ToArray());
    }

    [Fact]
    public void Shapes()
    {
        var t = arange(24).reshape(2, 3, 4);
        Assert.Equal([4L, 2, 3], t.permute(2, 0, 1).shape);
        Assert.Equal([2L, 12], t.view(2, -1).shape);
        Assert.Equal([2L, 12], t.flatten(1).shape);
        Assert.Equal([2L, 3, 2, 2], t.unflatten(2, 2, 2).shape);
        Assert.Equal([2L, 1, 3, 4], t.unsqueeze(1).shape);
        Assert.Equal([3L, 4], t[0].unsqueeze(0).squeeze(0).shape);
        Assert.Equal([5L, 2, 3, 4], t.expand(5, -1, -1, -1).shape);
        Assert.Equal([4L, 3, 4], t.repeat(2, 1, 1).shape);
        Assert.Equal([2L, 6, 4], t.repeat_interleave(2, 1).shape);
        Assert.Equal([3L, 1], t.split([3, 1], 2).Select(p => p.size(2)));
        Assert.Equal(2, t.split(2, 1).Length);
        Assert.Equal(3, t.unbind(1).Length);
        Assert.Equal([2L, 2, 2, 1], t.chunk(2, 1).SelectMany(c => c.shape[..2]));
        Assert.Equal([1L, 2, 3, 0], t[0, 0].roll(-1, 0).data<long>().ToArray());
        Assert.Equal([3L, 2, 1, 0], t[0, 0].flip(0).data<long>().ToArray());
        Assert.Equal([4L, 5], t.narrow(2, 0, 2)[0, 1].data<long>().ToArray());
        Assert.Equal([4L, 3, 4], cat([t, t], 0).shape);
        Assert.Equal([2L, 2, 3, 4], stack([t, t]).shape);
        Assert.Equal([1f, 0, 1, 1], ones(2, 2).tril().data<float>().ToArray());
        Assert.Equal([0f, 1, 0, 0], ones(2, 2).triu(1).data<float>().ToArray());
        Assert.Equal([4L, 3, 2], t.T.shape);
        Assert.Equal([2L, 4, 3], t.mT.shape);
    }

    [Fact]
    public void Products()
    {
        var w = tensor(new float[,] { { 1, 0, 2 }, { -1, 1, 0 } });
        Close(tensor(new float[,] { { 7, -3 }, { -1.5f, 3.5f } }), _x.matmul(w.t()));
        Close(_x.matmul(w.t()) + tensor(new float[] { 1, 2 }), F.linear(_x, w, tensor(new float[] { 1, 2 })));
        Close(_x.matmul(w.t()), einsum("ik,jk->ij", _x, w));
        Close(_x.matmul(w.t()).unsqueeze(0), _x.unsqueeze(0).bmm(w.t().unsqueeze(0)));
        Close(_x[0].unsqueeze(1) * w[0], _x[0].outer(w[0]));
    }

    [Fact]
    public void Activations_follow_their_formulas()
    {
        Close(_x * _x.sigmoid(), F.silu(_x));
        Close(_x * 0.5 * (1 + (_x / Math.Sqrt(2)).erf()), F.gelu(_x));
        Close(_x * 0.5 * (1 + ((_x + 0.044715 * _x.pow(3)) * Math.Sqrt(2 / Math.PI)).tanh()), F.gelu(_x, GELU.Approximate.tanh));
        Close(_x.exp() / _x.exp().sum(1).unsqueeze(1), F.softmax(_x, 1));
        Close(softmax(_x, 1).log(), F.log_softmax(_x, 1));
        Close(_x.clamp(0, 6), F.relu6(_x));
        Close((1 + _x.exp()).log(), F.softplus(_x));
        Close(-(-_x).exp().add(1).log(), F.logsigmoid(_x));
    }

    [Fact]
    public void Layer_norm_follows_its_formula()
    {
        var (weight, bias) = (tensor(new float[] { 1, 2, 3 }), tensor(new float[] { 0, 1, 0 }));
        var mean = _x.mean([1], keepdim: true);
        var expected = (_x - mean) / (_x.var(1, unbiased: false, keepdim: true) + 1e-5).sqrt() * weight + bias;
        Close(expected, F.layer_norm(_x, [3], weight, bias));
        using var module = nn.LayerNorm(3);
        Close((expected - bias) / weight, module.call(_x));
    }

    [Fact]
    public void Cross_entropy_ignores_weighs_and_smooths()
    {
        var target = tensor(new long[] { 2, -100 });
        var logs = _x.log_softmax(1);
        Close(-logs[0, 2], F.cross_entropy(_x, target));
        Close(-logs[0, 2], F.cross_entropy(_x, target, reduction: nn.Reduction.Sum));
        Close(-(0.9 * logs[0, 2] + 0.1 * logs[0].mean()), F.cross_entropy(_x, target, label_smoothing: 0.1));
        Assert.Equal([2L], F.cross_entropy(_x, target, reduction: nn.Reduction.None).shape);
        Close(-logs[1, 0], F.cross_entropy(_x, tensor(new long[] { 2, 0 }), ignore_index: 2));
        Close((_x.pow(2)).mean(), F.mse_loss(_x, zeros_like(_x)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Attention_follows_its_formula(bool causal)
    {
        manual_seed(1);
        var (q, k, v) = (randn(1, 2, 3, 4), randn(1, 2, 3, 4), randn(1, 2, 3, 4));
        var scores = q.matmul(k.mT) / 2.0;
        if (causal)
            scores = scores.masked_fill(ones(3, 3, ScalarType.Bool).triu(1), double.NegativeInfinity);
        Close(scores.softmax(-1).matmul(v), F.scaled_dot_product_attention(q, k, v, is_casual: causal));
        if (!causal)
            Close((scores + 1).softmax(-1).matmul(v), F.scaled_dot_product_attention(q, k, v, attn_mask: ones(3, 3)));
    }

    [Fact]
    public void Dropout_keeps_the_mean_and_does_nothing_in_evaluation()
    {
        Close(_x, F.dropout(_x, 0.5, training: false));
        manual_seed(0);
        var dropped = F.dropout(ones(10000), 0.25);
        Assert.InRange(dropped.mean().item<float>(), 0.95, 1.05);
        Assert.InRange((dropped == 0).@float().mean().item<float>(), 0.22, 0.28);
    }

    [Fact]
    public void Embedding_looks_up_and_leaves_its_padding_alone()
    {
        using var embedding = nn.Embedding(4, 3, padding_idx: 1);
        var ids = tensor(new long[,] { { 0, 1 }, { 1, 3 } });
        var rows = embedding.call(ids);
        Assert.Equal([2L, 2, 3], rows.shape);
        Close(zeros(3), rows[0, 1]);
        rows.sum().backward();
        Close(tensor(new float[] { 3, 0, 0, 3 }), embedding.weight!.grad!.sum(1));
    }

    [Fact]
    public void Padding_and_one_hot()
    {
        Assert.Equal([0f, 1, -2, 3, 0], F.pad(_x[0], (1, 1)).data<float>().ToArray());
        Assert.Equal([1L, 0, 0, 0, 0, 1], F.one_hot(tensor(new long[] { 0, 2 }), 3).data<long>().ToArray());
        Close(_x / _x.norm(1, true), F.normalize(_x));
    }
}
