using TorchSharp.Utils;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>Which terms of relative position enter an attention's scores beside those of content.</summary>
public sealed record DisentangledOptions
{
    /// <summary>Queries with positions of keys.</summary>
    public bool ContentToPosition { get; init; }

    /// <summary>Keys with positions of queries.</summary>
    public bool PositionToContent { get; init; }

    /// <summary>Whether positions are projected as content is, rather than by projections of their own.</summary>
    public bool Shared { get; init; }

    /// <summary>Kinds of terms, content with content among them: scores are scaled by the root of this too.</summary>
    public int Terms => 1 + (ContentToPosition ? 1 : 0) + (PositionToContent ? 1 : 0);
}

/// <summary>The relative positions of one forward pass, which all layers share: see <see cref="RelativePositions"/>.</summary>
/// <param name="Vectors">(R, C), one for each distance told apart</param>
/// <param name="Rows">(Tq, Tk) int64, which of them belongs to a query and a key</param>
public sealed record RelativeContext(Tensor Vectors, Tensor Rows)
{
    /// <summary>(B, T), 0 for padding, whose scores are all alike; none: there is none.</summary>
    public Tensor? Mask { get; init; }

    /// <summary>The same with other tensors in the place of each.</summary>
    public RelativeContext Map(Func<Tensor, Tensor> replace) =>
        new(replace(Vectors), replace(Rows)) { Mask = Mask is { } mask ? replace(mask) : null };
}

/// <summary>Disentangled attention (He et al., 2021): the terms that positions add to an attention's scores.</summary>
public sealed class Disentangled : nn.Module
{
    private readonly AttentionOptions _options;
    private readonly DisentangledOptions _terms;
    [ComponentName(Name = "key")] private readonly Linear? _key;
    [ComponentName(Name = "query")] private readonly Linear? _query;

    /// <summary>The terms of one layer.</summary>
    public Disentangled(AttentionOptions options, DisentangledOptions terms) : base(nameof(Disentangled))
    {
        (_options, _terms) = (options, terms);
        if (!terms.Shared)
        {
            var width = (long)options.Heads * options.HeadSize;
            _key = terms.ContentToPosition ? new Linear(options.Width, width, bias: true) : null;
            _query = terms.PositionToContent ? new Linear(options.Width, width, bias: true) : null;
        }
        RegisterComponents();
    }

    /// <summary>The terms, (B, H, Tq, Tk) float32; null where no kind of them is wanted.</summary>
    /// <param name="query">(B, Tq, H, D)</param>
    /// <param name="key">(B, Tk, H, D)</param>
    /// <param name="context">the positions</param>
    /// <param name="content">projects content to queries, keys and values, rows in that order</param>
    public Tensor? Bias(Tensor query, Tensor key, RelativeContext context, Linear content)
    {
        using var scope = NewDisposeScope();
        Tensor? sum = null;
        var rows = context.Rows.unsqueeze(0).unsqueeze(0);
        if (_terms.ContentToPosition) sum = At(query, Project(_key, 1), rows); // (B, H, Tq, Tk)
        if (_terms.PositionToContent)
        {
            var term = At(key, Project(_query, 0), rows.transpose(-1, -2)).transpose(-1, -2); // (B, H, Tq, Tk)
            if (context.Mask is { } mask) term = term * mask.unsqueeze(1).unsqueeze(-1).to(term.dtype);
            sum = sum is null ? term : sum + term;
        }
        return sum is null ? null : (sum.to(ScalarType.Float32) * (_options.Scale ?? 1)).MoveToOuterDisposeScope();

        Tensor Project(Linear? own, int part)
        {
            if (own is not null) return own.call(context.Vectors);
            var width = (long)_options.Heads * _options.HeadSize;
            var (weight, bias) = (content.UpdatedWeight.narrow(0, part * width, width), content.Bias?.narrow(0, part * width, width));
            return Operators.Linear(context.Vectors, weight, bias);
        }
    }

    /// <summary>Products of heads (B, T, H, D) with position vectors (R, H D), picked by rows (1, 1, T, U): (B, H, T, U).</summary>
    private static Tensor At(Tensor heads, Tensor positions, Tensor rows)
    {
        var (B, T, H, D) = heads.Dims4();
        var vectors = positions.view(-1, H, D).permute(1, 2, 0); // (H, D, R)
        var products = matmul(Autocast.Cast(heads).transpose(1, 2), Autocast.Cast(vectors)); // (B, H, T, R)
        return products.gather(-1, rows.expand(B, H, T, rows.shape[^1]));
    }
}
