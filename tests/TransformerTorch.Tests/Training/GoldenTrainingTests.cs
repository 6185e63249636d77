using TransformerTorch.Checkpoints;
using TransformerTorch.Data;
using TransformerTorch.Models;
using TransformerTorch.Tests.Support;
using TransformerTorch.Training;
using TransformerTorch.Training.Objectives;
using TransformerTorch.Training.Optimization;
using TransformerTorch.Verification;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Training;

/// <summary>The real loop on the golden cases. Truth: the losses of ten steps of AdamW that Transformers took.</summary>
[Collection(nameof(Alone))]
public sealed class GoldenTrainingTests
{
    public static TheoryData<string, int> Cases => new()
    {
        { "gpt2", 1 }, { "llama", 1 }, { "mistral-sliding-window", 1 }, { "qwen3", 1 }, { "bert-sequence-classification", 1 },
        // Not t5, whose path rounding decides: see GoldenTests.
        { "roberta-masked-lm", 1 }, { "modernbert-masked-lm", 1 }, { "bart", 1 }, { "gpt2", 2 }, { "bart", 2 },
    };

    [SkippableTheory, MemberData(nameof(Cases))]
    public void Ten_steps_have_the_references_losses(string name, int accumulation)
    {
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Load(Fixtures.Model(name));
        using var reference = new ReferenceCase(Fixtures.Model(name));
        var expected = reference.Gradients!["adamw_losses"]!.AsArray().Select(l => (double)l!).ToArray();
        using var loader = new Same(reference, accumulation);
        var config = new RunConfig
        {
            OutputDir = "", Model = [], Tokenizer = new(), Data = new TextConfig { Files = ["none"] }, Device = "cpu",
            LearningRate = 1e-3, WeightDecay = 0.01, NoDecay = [], LrSchedulerType = LrSchedulerType.Constant, MaxGradNorm = 1,
            GradientAccumulationSteps = accumulation, SaveStrategy = IntervalStrategy.No,
        };
        using var optimizer = new Optimizer(config.ParameterRules.Groups(model), config.UpdateRule);
        var losses = new List<double>();

        new Trainer(config, new TrainerParts
        {
            Objective = new InEvaluation(model), Optimizer = optimizer, LearningRate = config.Schedule(expected.Length), Loader = loader,
            Save = _ => "",
        }, CPU, happened => { if (happened is StepDone step) losses.Add(step.Metrics.Loss); }).Run(CancellationToken.None);

        Assert.Equal(expected.Length, losses.Count);
        Assert.All(expected.Zip(losses), pair => TensorAssert.Near(pair.First, pair.Second, 1e-5, name));
    }

    /// <summary>The case's own batch at every step, or its rows shared out among several.</summary>
    private sealed class Same(ReferenceCase reference, int parts) : IBatchLoader
    {
        private int _given;

        public LoaderState State => new(0, 0, _given, [new(0, 0, 1)]);

        public double Epochs => 0;

        public double BatchesPerEpoch => 1;

        public Batch NextBatch()
        {
            using var scope = NewDisposeScope();
            var (inputs, labels) = (reference.Inputs(CPU), reference.Labels(CPU));
            var columns = new (string Name, Tensor? Values)[]
            {
                (Batch.Names.InputIds, inputs.Ids), (Batch.Names.AttentionMask, inputs.Mask), (Batch.Names.TokenTypeIds, inputs.Segments),
                (Batch.Names.DecoderInputIds, inputs.DecoderIds), (Batch.Names.DecoderAttentionMask, inputs.DecoderMask),
                (Batch.Names.Labels, labels.Labels),
            };
            var whole = new Batch(columns.Where(c => c.Values is not null)
                .ToDictionary(c => c.Name, c => Column.Of(c.Values!.to(ScalarType.Int64).data<long>().ToArray(), c.Values.shape)))
            {
                TargetCount = 0, TokenCount = inputs.Ids.numel(),
            };
            var rows = whole.Rows / parts;
            var part = parts == 1 ? whole : whole.Split((int)rows).ElementAt((int)(_given % parts));
            _given++;
            return part with { TargetCount = Targets(part) };
        }

        public void Dispose() { }

        // Causal models predict from the second token on.
        private long Targets(Batch batch)
        {
            var (labels, causal) = (batch[Batch.Names.Labels], File.ReadAllText(Path.Combine(reference.Folder, "config.json"))
                .Contains("CausalLM", StringComparison.Ordinal) || reference.Folder.Contains("gpt2", StringComparison.Ordinal));
            var width = labels.Shape.Length > 1 ? labels.Shape[1] : 1;
            return labels.Integers.Where((label, i) => label != -100 && !(causal && i % width == 0)).LongCount();
        }
    }

    /// <summary>The reference took its steps without dropout.</summary>
    private sealed class InEvaluation(PretrainedModel model) : IObjective
    {
        private readonly ModelObjective _inner = new(model);

        public nn.Module Model => model;

        public IReadOnlyList<(string Folder, PretrainedModel Model)> Parts => _inner.Parts;

        public IReadOnlyList<LossTerm> Loss(DeviceBatch batch)
        {
            model.eval();
            return _inner.Loss(batch);
        }

        public IReadOnlyDictionary<string, Tensor> Predict(DeviceBatch batch) => _inner.Predict(batch);
    }
}
