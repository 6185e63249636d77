using System.Text.Json.Nodes;
using TransformerTorch.Data;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Training;
using TransformerTorch.Training.Objectives;
using static TorchSharp.torch;
using Names = TransformerTorch.Data.Batch.Names;

namespace TransformerTorch.Tests.Training;

/// <summary>
/// Steps that are recorded and replayed, against the same steps done one operator after the other: losses and gradients to the bit. The
/// recording is one of the CPU's, which does the work again; on a GPU the same code records a CUDA graph.
/// </summary>
[Collection(nameof(Alone))]
public sealed class RecordedStepTests
{
    private readonly List<string> _told = [];
    private readonly Random _random = new(5);

    [Theory]
    [InlineData(1.0)]
    [InlineData(1024.0)]
    public void Replays_are_the_steps_themselves(double scale)
    {
        using var scope = NewDisposeScope();
        var (plain, twin) = (Model(), Model());
        var recordings = new List<Repeated>();
        using var recorded = new RecordedStep(twin, CPU, () => New(recordings, twin), _told.Add);

        for (var step = 0; step < 8; step++)
        {
            Batch[] batches = [NewBatch(2, 6), NewBatch(2, 6)];      // with other counts of targets each
            var expected = Step(plain, batches, scale, null);
            var found = Step(twin, batches, scale, recorded);
            Assert.Equal(expected, found);
        }

        Assert.Equal(8 - RecordedStep.Repeats, Assert.Single(recordings).Replays);
        Assert.Empty(_told);
    }

    [Fact]
    public void Steps_of_another_shape_are_done_by_themselves_and_that_is_told_once()
    {
        using var scope = NewDisposeScope();
        var (plain, twin) = (Model(), Model());
        var recordings = new List<Repeated>();
        using var recorded = new RecordedStep(twin, CPU, () => New(recordings, twin), _told.Add);

        foreach (var length in new[] { 6, 6, 5, 6, 6, 6, 6, 4, 6, 7, 6 })
        {
            Batch[] batches = [NewBatch(2, length)];
            Assert.Equal(Step(plain, batches, 1, null), Step(twin, batches, 1, recorded));
        }

        Assert.Equal(3, Assert.Single(recordings).Replays);    // the fourth of a row, and two more of that shape
        Assert.Contains("another shape", Assert.Single(_told), StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_recorded_is_done_by_itself_and_the_reason_told()
    {
        using var scope = NewDisposeScope();
        var (plain, twin) = (Model(), Model());
        using var recorded = new RecordedStep(twin, CPU, () => new Refusing(), _told.Add);

        for (var step = 0; step < 6; step++)
        {
            Batch[] batches = [NewBatch(2, 6)];
            Assert.Equal(Step(plain, batches, 1, null), Step(twin, batches, 1, recorded));
        }

        Assert.Contains("operation not permitted", Assert.Single(_told), StringComparison.Ordinal);
    }

    [Fact]
    public void Random_numbers_of_the_host_are_not_recorded()
    {
        using var scope = NewDisposeScope();
        var (plain, twin) = (Model(dropout: 0.5), Model(dropout: 0.5));
        var recordings = new List<Repeated>();
        using var recorded = new RecordedStep(twin, CPU, () => New(recordings, twin), _told.Add);

        for (var step = 0; step < 6; step++)
        {
            Batch[] batches = [NewBatch(2, 6)];
            manual_seed(step);
            var expected = Step(plain, batches, 1, null);
            manual_seed(step);
            Assert.Equal(expected, Step(twin, batches, 1, recorded));
        }

        Assert.Equal(0, Assert.Single(recordings).Replays);
        Assert.Contains("random numbers", Assert.Single(_told), StringComparison.Ordinal);
    }

    // A generator's state cannot be read while a GPU records.
    [SkippableFact]
    public void Checkpointed_activations_are_recorded_where_nothing_is_dropped()
    {
        Skip.IfNot(NativeBridge.IsAvailable, NativeBridge.Missing);
        using var scope = NewDisposeScope();
        var (plain, twin) = (Model(), Model());
        foreach (var stack in twin.modules().OfType<Stack>()) stack.RecomputeEvery = 1;
        var recordings = new List<Repeated>();
        using var recorded = new RecordedStep(twin, CPU, () => New(recordings, twin), _told.Add);

        for (var step = 0; step < 6; step++)
        {
            Batch[] batches = [NewBatch(2, 6)];
            Assert.Equal(Step(plain, batches, 1, null), Step(twin, batches, 1, recorded));
        }

        Assert.Equal(3, Assert.Single(recordings).Replays);
    }

    [Fact]
    public void Where_a_step_of_another_shape_finds_no_memory_the_recording_gives_its_own_back()
    {
        using var scope = NewDisposeScope();
        var (plain, twin) = (Model(), Model());
        var recordings = new List<Repeated>();
        using var recorded = new RecordedStep(twin, CPU, () => New(recordings, twin), _told.Add);
        var crowded = new Crowded(new ModelObjective(twin), () => recordings.Any(recording => !recording.IsDisposed));

        foreach (var length in new[] { 6, 6, 6, 6, Crowded.Length, 6, 6 })
        {
            Batch[] batches = [NewBatch(2, length)];
            Assert.Equal(Step(plain, batches, 1, null), Step(crowded, batches, 1, recorded));
        }

        Assert.Equal(1, Assert.Single(recordings).Replays);
        Assert.Contains("does not fit into memory beside the recorded one", _told[^1], StringComparison.Ordinal);
    }

    // The loss and all gradients of a step.
    private static List<float[]> Step(PretrainedModel model, Batch[] batches, double scale, RecordedStep? recorded)
        => Step(new ModelObjective(model), batches, scale, recorded);

    private static List<float[]> Step(IObjective objective, Batch[] batches, double scale, RecordedStep? recorded)
    {
        using var scope = NewDisposeScope();
        var passes = new Passes(objective, Precision.Fp32, CPU) { Recorded = recorded };
        var loss = passes.Run(batches, scale);
        var model = objective.Model;
        List<float[]> values = [loss.data<float>().ToArray(), .. model.parameters().Select(p => p.grad!.data<float>().ToArray())];
        foreach (var parameter in model.parameters()) parameter.grad = null;     // as the optimizer leaves them
        return values;
    }

    private static PretrainedModel Model(double dropout = 0)
    {
        manual_seed(3);
        var model = PretrainedModel.Create(ModelConfig.FromKeys(new JsonObject
        {
            ["model_type"] = "gpt2", ["n_layer"] = 1, ["n_embd"] = 8, ["n_head"] = 2, ["vocab_size"] = 32, ["n_positions"] = 16,
            ["resid_pdrop"] = dropout, ["embd_pdrop"] = dropout, ["attn_pdrop"] = 0.0,
        }, "the test"));
        model.InitializeWeights();
        model.train();
        return model;
    }

    private Batch NewBatch(int rows, int length)
    {
        long[] Values(int least) => [.. Enumerable.Range(0, rows * length).Select(_ => (long)_random.Next(least, 32))];
        var labels = Values(-20).Select(value => value < 0 ? -100 : value).ToArray();
        return new(new Dictionary<string, Column>
        {
            [Names.InputIds] = Column.Of(Values(0), rows, length),
            [Names.ShiftLabels] = Column.Of(labels, rows, length),
        })
        {
            TargetCount = labels.Count(label => label >= 0), TokenCount = rows * length,
        };
    }

    private static Repeated New(List<Repeated> all, nn.Module model)
    {
        var made = new Repeated(model);
        all.Add(made);
        return made;
    }

    /// <summary>Does the work again, into the tensors that it left the first time.</summary>
    private sealed class Repeated(nn.Module model) : IRecording
    {
        private Action? _work;

        public int Replays { get; private set; }

        public bool IsDisposed { get; private set; }

        public void Record(Action work)
        {
            work();
            _work = work;
        }

        public void Replay()
        {
            Replays++;
            using (no_grad()) foreach (var parameter in model.parameters()) parameter.grad!.zero_();
            using var enabled = enable_grad();
            _work!();
        }

        public void Dispose() => IsDisposed = true;
    }

    /// <summary>Has no memory for batches of one length while a recording holds its own.</summary>
    private sealed class Crowded(IObjective objective, Func<bool> isHeld) : IObjective
    {
        public const int Length = 7;

        public nn.Module Model => objective.Model;

        public IReadOnlyList<(string Folder, PretrainedModel Model)> Parts => objective.Parts;

        public IReadOnlyList<LossTerm> Loss(DeviceBatch batch) => batch.Inputs.Ids.shape[1] == Length && isHeld()
            ? throw new InvalidOperationException("CUDA out of memory") : objective.Loss(batch);

        public IReadOnlyDictionary<string, Tensor> Predict(DeviceBatch batch) => objective.Predict(batch);
    }

    private sealed class Refusing : IRecording
    {
        public void Record(Action work)
        {
            work();
            throw new InvalidOperationException("CUDA graph: operation not permitted when stream is capturing\nmore of it");
        }

        public void Replay() => throw new InvalidOperationException("was never recorded");

        public void Dispose() { }
    }
}
