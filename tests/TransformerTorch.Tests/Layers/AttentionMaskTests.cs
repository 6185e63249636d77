using TransformerTorch.Layers;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Layers;

/// <summary>What each mask hides, position by position, against the rule written out.</summary>
public class AttentionMaskTests
{
    [Fact]
    public void Padding_is_hidden_from_all()
    {
        using var scope = NewDisposeScope();
        Is(AttentionMask.Padding(Mask()).expand(2, 1, 4, 4), (b, i, j) => Token(b, j));
    }

    [Fact]
    public void Blind_padding_sees_everything_and_is_hidden_from_tokens()
    {
        using var scope = NewDisposeScope();
        Is(AttentionMask.BlindPadding(Mask()), (b, i, j) => Token(b, j) || !Token(b, i));
    }

    [Fact]
    public void A_window_hides_what_is_far_either_way_and_padding()
    {
        using var scope = NewDisposeScope();
        Is(AttentionMask.Window(Mask(), 2), (b, i, j) => Math.Abs(i - j) < 2 && Token(b, j));
    }

    [Fact]
    public void Documents_see_themselves_alone_and_count_from_their_beginning()
    {
        using var scope = NewDisposeScope();
        long[,] rows = { { 0, 0, 1, 1 }, { 3, 5, 5, 5 } };
        var documents = tensor(rows);
        Is(AttentionMask.Documents(documents), (b, i, j) => rows[b, i] == rows[b, j]);
        Assert.Equal([0, 1, 0, 1, 0, 0, 1, 2], AttentionMask.PositionsWithin(documents).data<long>().ToArray());
    }

    [Fact]
    public void A_run_of_tokens_has_padding_at_its_ends_alone()
    {
        using var scope = NewDisposeScope();
        Assert.True(AttentionMask.IsOneRun(Mask()));
        Assert.True(AttentionMask.IsOneRun(tensor(new long[,] { { 0, 0 }, { 1, 1 } })));
        Assert.False(AttentionMask.IsOneRun(tensor(new long[,] { { 1, 1, 1, 1 }, { 0, 1, 0, 1 } })));
    }

    [SkippableTheory, InlineData(AttentionKernelKind.Fused), InlineData(AttentionKernelKind.Sdpa), InlineData(AttentionKernelKind.Math)]
    public void A_layer_with_a_prefix_equals_attention_written_out(AttentionKernelKind kernel)
    {
        using var way = new Way(kernel, bridge: kernel == AttentionKernelKind.Fused);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        manual_seed(5);
        using var attention = new Attention(new AttentionOptions { Width = 12, Heads = 3, KeyValueHeads = 3, HeadSize = 4 }, layer: 0);
        foreach (var parameter in attention.parameters()) parameter.normal_(0, 0.5);
        long[] prefix = [2, 4];
        var (x, weights) = (randn(2, 5, 12), default(Tensor));
        var context = new AttentionContext
        {
            Terms = new AttentionTerms { Prefix = tensor(prefix) },
            Weights = w => weights = w.clone().MoveToOtherDisposeScope(scope),
        };

        var actual = attention.call(x, context);

        var named = attention.named_parameters().ToDictionary(p => p.name, p => (Tensor)p.parameter);
        var qkv = (x.matmul(named["qkv.weight"].t()) + named["qkv.bias"]).view(2, 5, 3, 3, 4); // (B, T, part, H, D)
        var scores = qkv.select(2, 0).transpose(1, 2).matmul(qkv.select(2, 1).permute(0, 2, 3, 1)) / 2; // (B, H, Tq, Tk)
        for (var b = 0; b < 2; b++)
            for (var i = 0; i < 5; i++)
                for (var j = i + 1; j < 5; j++)
                    if (j >= prefix[b]) scores[b, TensorIndex.Colon, i, j] = float.NegativeInfinity;
        var shares = scores.softmax(-1);
        var mixed = shares.matmul(qkv.select(2, 2).transpose(1, 2)).transpose(1, 2).reshape(2, 5, 12);
        TensorAssert.Close(mixed.matmul(named["output.weight"].t()) + named["output.bias"], actual, 1e-5);
        TensorAssert.Close(shares, weights!, 1e-5);
    }

    /// <summary>The last of the first row and the first of the second are padding.</summary>
    private static Tensor Mask() => tensor(new long[,] { { 1, 1, 1, 0 }, { 0, 1, 1, 1 } });

    private static bool Token(int row, int position) => (row, position) is not (0, 3) and not (1, 0);

    private static void Is(Tensor bias, Func<int, int, int, bool> visible)
    {
        Assert.Equal([2, 1, 4, 4], bias.shape);
        for (var b = 0; b < 2; b++)
            for (var i = 0; i < 4; i++)
                for (var j = 0; j < 4; j++)
                    Assert.Equal(visible(b, i, j) ? 0 : AttentionKernel.Hidden, bias[b, 0, i, j].item<float>());
    }
}
