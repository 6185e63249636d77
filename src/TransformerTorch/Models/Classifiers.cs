using TransformerTorch.Tensors;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace TransformerTorch.Models;

/// <summary>What the labels of a <see cref="SequenceClassifier"/> are.</summary>
public enum ProblemType
{
    /// <summary>One class each.</summary>
    SingleLabel,

    /// <summary>Any number of classes each.</summary>
    MultiLabel,

    /// <summary>Values.</summary>
    Regression,
}

/// <summary>One vector a text, and from it a class, classes or values.</summary>
public sealed class SequenceClassifier(ModelConfig config) : HeadedModel(nameof(SequenceClassifier), config)
{
    /// <summary>Scores (B, labels).</summary>
    public Tensor Logits(ModelInputs inputs) => OfTexts(inputs);

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> forward(ModelInputs inputs)
        => new Dictionary<string, Tensor> { ["logits"] = Logits(inputs) };

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Loss(ModelInputs inputs, ModelLabels labels)
    {
        using var scope = NewDisposeScope();
        var (logits, wanted) = (Logits(inputs).to(ScalarType.Float32), labels.Required);
        var problem = Config.ProblemType ?? (Config.Labels.Count == 1 ? ProblemType.Regression
            : wanted.is_integral() ? ProblemType.SingleLabel : ProblemType.MultiLabel);
        var (sum, count) = problem switch
        {
            ProblemType.SingleLabel => (F.cross_entropy(logits, wanted, reduction: nn.Reduction.Sum,
                label_smoothing: labels.Scoring.LabelSmoothing), Count(wanted)),
            ProblemType.MultiLabel => (F.binary_cross_entropy_with_logits(logits, Values(), reduction: nn.Reduction.Sum), All(logits)),
            _ => ((logits - Values()).square().sum(), All(logits)),
        };
        return [new(problem.ToString(), sum.MoveToOuterDisposeScope(), count.MoveToOuterDisposeScope())];

        Tensor Values() => wanted.to(ScalarType.Float32).view(logits.shape);
        static Tensor All(Tensor of) => tensor(of.numel(), device: of.device);
    }
}

/// <summary>Which of several texts is right (Zellers et al., 2018): one score a text, held against those of the others.</summary>
public sealed class MultipleChoiceModel(ModelConfig config) : HeadedModel(nameof(MultipleChoiceModel), config)
{
    /// <summary>Scores (B, choices).</summary>
    /// <param name="inputs">each (B, choices, T)</param>
    public Tensor Logits(ModelInputs inputs)
    {
        using var scope = NewDisposeScope();
        var (B, N, _) = inputs.Ids.Dims3();
        var texts = inputs with
        {
            Ids = Texts(inputs.Ids)!, Mask = Texts(inputs.Mask), Segments = Texts(inputs.Segments), Positions = Texts(inputs.Positions),
        };
        return OfTexts(texts).view(B, N).MoveToOuterDisposeScope();

        static Tensor? Texts(Tensor? choices) => choices?.view(-1, choices.shape[^1]); // (B N, T)
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> forward(ModelInputs inputs)
        => new Dictionary<string, Tensor> { ["logits"] = Logits(inputs) };

    /// <inheritdoc/>
    /// <remarks>Labels are the right choices, (B).</remarks>
    public override IReadOnlyList<LossTerm> Loss(ModelInputs inputs, ModelLabels labels)
    {
        using var scope = NewDisposeScope();
        var sum = F.cross_entropy(Logits(inputs).to(ScalarType.Float32), labels.Required, reduction: nn.Reduction.Sum);
        return [new("cross_entropy", sum.MoveToOuterDisposeScope(), Count(labels.Required).MoveToOuterDisposeScope())];
    }
}

/// <summary>A class for each token.</summary>
public sealed class TokenClassifier(ModelConfig config) : TokenScorer(nameof(TokenClassifier), config);

/// <summary>Where in a text the answer begins and ends (Rajpurkar et al., 2016).</summary>
public sealed class QuestionAnswerer(ModelConfig config) : HeadedModel(nameof(QuestionAnswerer), config)
{
    /// <summary>Scores of each position as the answer's first and as its last, (B, T) each.</summary>
    public (Tensor Start, Tensor End) Logits(ModelInputs inputs)
    {
        using var scope = NewDisposeScope();
        var both = Head.call(Hidden(inputs)); // (B, T, 2)
        return (both.select(-1, 0).MoveToOuterDisposeScope(), both.select(-1, 1).MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> forward(ModelInputs inputs)
    {
        var (start, end) = Logits(inputs);
        return new Dictionary<string, Tensor> { ["start_logits"] = start, ["end_logits"] = end };
    }

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Loss(ModelInputs inputs, ModelLabels labels)
    {
        using var scope = NewDisposeScope();
        var (start, end) = Logits(inputs);
        return [Term("start", start, labels.Start), Term("end", end, labels.End)];

        static LossTerm Term(string name, Tensor logits, Tensor? at)
        {
            var wanted = at ?? throw new ArgumentException($"this model's loss needs the answer's {name}");
            var inside = wanted.clamp_min(0).masked_fill(wanted.ge(logits.shape[1]), -100); // after the text: counts for nothing
            var sum = F.cross_entropy(logits.to(ScalarType.Float32), inside, reduction: nn.Reduction.Sum);
            return new LossTerm(name, sum.MoveToOuterDisposeScope(), Count(inside).MoveToOuterDisposeScope(), Weight: 0.5);
        }
    }
}
