using TransformerTorch.Data;
using TransformerTorch.Tensors;
using TransformerTorch.Training.Objectives;
using static TorchSharp.torch;

namespace TransformerTorch.Training;

/// <summary>The forward and backward passes of a step: gradients of all its batches together.</summary>
/// <param name="objective">What is learnt.</param>
/// <param name="precision">What matrix products compute in.</param>
/// <param name="device">Where.</param>
public sealed class Passes(IObjective objective, Precision precision, Device device)
{
    /// <summary>Rows of one pass at most; 0: those of a batch.</summary>
    public int Rows { get; set; }

    /// <summary>Whether a pass that does not fit into memory is tried again with half the rows.</summary>
    public bool FindsRows { get; init; }

    /// <summary>Replays steps; none, they are done one operator after the other.</summary>
    internal RecordedStep? Recorded { get; set; }

    /// <summary>Told of each halving.</summary>
    public Action<string> Tell { get; init; } = static _ => { };

    /// <summary>
    /// Has steps recorded as CUDA graphs once their shapes repeat, where the device is a GPU and the loss is its own work
    /// (<see cref="IObjective.IsRepeatable"/>).
    /// </summary>
    /// <param name="tell">Told what cannot be recorded, and why.</param>
    /// <returns>Holds the recording's memory until it is disposed of; null: nothing is recorded.</returns>
    public IDisposable? RecordSteps(Action<string> tell)
        => Recorded = !objective.IsRepeatable || !CudaGraph.Serves(device) ? null
            : new(objective.Model, device, () => new CudaGraph(device) { IsLarge = true }, tell);

    /// <summary>Adds the step's gradients, times <paramref name="scale"/>, to the parameters' own.</summary>
    /// <returns>Its loss, a float32 scalar on the device.</returns>
    /// <exception cref="TrainingException">It does not fit into memory.</exception>
    public Tensor Run(IReadOnlyList<Batch> batches, double scale)
    {
        long Targets(string term) => batches.Sum(b => b.TargetsOf(term));
        if (Recorded?.Run([.. batches.SelectMany(b => b.Split(Rows))], Targets, scale, Pass) is { } replayed) return replayed;
        while (true)
        {
            var random = FindsRows || Recorded is { Holds: true } ? RandomStates.Capture(device) : null;
            try
            {
                var loss = zeros([], ScalarType.Float32, device);
                var inputs = new PassInputs(Divisor, scale == 1 ? null : Scalar(scale));
                foreach (var rows in batches.SelectMany(b => b.Split(Rows)))
                {
                    using var batch = new DeviceBatch(rows, device);
                    loss.add_(Pass(batch, inputs));
                }
                return loss;
            }
            catch (Exception e) when (OutOfMemory.Is(e))
            {
                var rows = Rows > 0 ? Rows : (int)batches.Max(b => b.Rows);
                var freed = Recorded?.GiveUp() ?? false;
                if (!freed && (!FindsRows || rows == 1)) throw OutOfMemory.Explained(e, rows, FindsRows);
                objective.Model.zero_grad();
                random!.Restore();
                if (freed) continue;
                Rows = rows / 2;
                Tell($"{rows} rows do not fit into memory: {Rows} at once from here on, the step stays as it is.");
            }
        }

        Tensor Divisor(string term)
        {
            Recorded?.Learn(term);
            return Scalar(Math.Max(1, Targets(term)));
        }
    }

    // By a kernel of the device: a copy from the host would wait for it.
    private Tensor Scalar(double value) => full([], value, ScalarType.Float32, device);

    private Tensor Pass(DeviceBatch batch, PassInputs inputs)
    {
        using var scope = NewDisposeScope();
        Tensor share;
        using (Autocast.Enter(precision, device)) share = objective.StepLoss(batch, inputs.Divisors);
        (inputs.Scale is { } scale ? share * scale : share).backward();
        return share.detach().MoveToOuterDisposeScope();
    }
}

/// <summary>Telling that memory ran out, on any device.</summary>
internal static class OutOfMemory
{
    private static readonly string[] s_messages = ["out of memory", "not enough memory", "can't allocate memory"];

    // oneDNN does not say why; a "primitive descriptor" that it cannot create is something else.
    private const string Unsaid = "could not create a primitive";

    public static bool Is(Exception e) => e is OutOfMemoryException || (e is not TrainingException
        && (FirstLine(e).EndsWith(Unsaid, StringComparison.Ordinal)
            || s_messages.Any(message => e.Message.Contains(message, StringComparison.OrdinalIgnoreCase))));

    public static TrainingException Explained(Exception e, int rows, bool halved) => new(
        $"{rows} row{(rows == 1 ? " does" : "s do")} not fit into memory ({FirstLine(e)}). " +
        (halved || rows == 1 ? "" : "Set auto_find_batch_size: true, or a smaller per_device_train_batch_size with more " +
            "gradient_accumulation_steps. ") + Advice, e);

    /// <summary>Memory that ran out elsewhere: in the optimizer, in evaluation.</summary>
    public static TrainingException Explained(Exception e, int step) => new(
        $"Step {step}: out of memory ({FirstLine(e)}). Set a smaller per_device_eval_batch_size if it was an evaluation. {Advice}", e);

    private const string Advice = "Less memory is taken with gradient_checkpointing: true, bf16: true or pure_bf16: true, " +
        "optim: adafactor, a shorter data.sequence_len, or a smaller model.";

    private static string FirstLine(Exception e) => e.Message.Split('\n')[0];
}
