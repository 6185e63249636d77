using TransformerTorch.Data;
using TransformerTorch.Tensors;
using TransformerTorch.Training.Objectives;
using static TorchSharp.torch;

namespace TransformerTorch.Training;

/// <summary>What a pass over one batch is given beside it, on the device.</summary>
/// <param name="Divisors">By term of the loss: its targets in the whole step, a float32 scalar.</param>
/// <param name="Scale">Multiplies the loss before its gradients are taken; none where that is one.</param>
internal sealed record PassInputs(Func<string, Tensor> Divisors, Tensor? Scale);

/// <summary>
/// A step's passes, recorded once their shapes have come <see cref="Repeats"/> times in a row, and replayed from then on with what is new
/// copied into the tensors that they read. Steps of other shapes are done one operator after the other.
/// </summary>
/// <param name="model">Whose gradients the passes leave.</param>
/// <param name="device">Where.</param>
/// <param name="record">Makes a recording.</param>
/// <param name="tell">Told when a step cannot be recorded, and why.</param>
internal sealed class RecordedStep(nn.Module model, Device device, Func<IRecording> record, Action<string> tell) : IDisposable
{
    /// <summary>Steps of one shape before one is recorded: libtorch and its libraries choose and allocate in the first ones.</summary>
    public const int Repeats = 3;

    private readonly Dictionary<string, Tensor> _divisors = [];
    private string _shape = "";
    private int _seen;
    private bool _refused, _strayed;
    private Recorded? _recorded;

    /// <summary>
    /// The step's loss, its gradients left in the parameters; null where it is to be done one operator after the other.
    /// </summary>
    /// <param name="batches">Those of its passes.</param>
    /// <param name="targets">By term: targets in the whole step.</param>
    /// <param name="scale">See <see cref="PassInputs"/>.</param>
    /// <param name="pass">Adds a batch's gradients, and answers with its share of the loss.</param>
    public Tensor? Run(IReadOnlyList<Batch> batches, Func<string, long> targets, double scale, Func<DeviceBatch, PassInputs, Tensor> pass)
    {
        if (_refused) return null;
        var shape = Shape(batches, scale);
        if (_recorded is null && !Repeated(shape)) return null;
        if (_recorded is { } other && other.Shape != shape)
        {
            if (!_strayed) tell($"steps of another shape than the recorded one are done one operator after the other: {shape}.");
            _strayed = true;
            return null;
        }
        _recorded ??= TryRecord(shape, batches, scale, pass);
        return _recorded?.Replay(batches, targets, scale);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _recorded?.Dispose();
        foreach (var divisor in _divisors.Values) divisor.Dispose();
    }

    /// <summary>Whether a recording holds memory.</summary>
    public bool Holds => _recorded is not null;

    /// <summary>Gives the recording's memory back where a step of another shape found none; no other is made.</summary>
    /// <returns>Whether there was one.</returns>
    public bool GiveUp()
    {
        if (_recorded is null) return false;
        tell("a step of another shape does not fit into memory beside the recorded one: all are done one operator after the other.");
        _refused = true;
        _recorded.Dispose();
        _recorded = null;
        return true;
    }

    /// <summary>Has a place for the divisor of a term of the loss, which the first steps name.</summary>
    public void Learn(string term)
    {
        if (!_refused && !_divisors.ContainsKey(term)) _divisors.Add(term, ones([], ScalarType.Float32, device).DetachFromDisposeScope());
    }

    private bool Repeated(string shape)
    {
        _seen = shape == _shape ? _seen + 1 : 1;
        _shape = shape;
        return _seen > Repeats;
    }

    private static string Shape(IEnumerable<Batch> batches, double scale)
    {
        return string.Join("; ", batches.Select(Columns)) + (scale == 1 ? "" : ", scaled");

        static string Columns(Batch batch) => string.Join(", ", batch.Columns.OrderBy(c => c.Key, StringComparer.Ordinal)
            .Select(c => $"{c.Key} {Dims.Describe(c.Value.Shape)}"));
    }

    private Recorded? TryRecord(string shape, IReadOnlyList<Batch> batches, double scale, Func<DeviceBatch, PassInputs, Tensor> pass)
    {
        var random = RandomStates.Capture(device);
        var made = new Recorded(shape, record(), [.. batches.Select(batch => new DeviceBatch(batch, device))], _divisors,
            scale == 1 ? null : ones([], ScalarType.Float32, device).DetachFromDisposeScope(),
            zeros([], ScalarType.Float32, device).DetachFromDisposeScope());
        try
        {
            made.Record(model, pass);
            if (!random.SameOnHost(RandomStates.Capture(device)))
                throw new InvalidOperationException("random numbers are drawn on the host, which would be the same at each replay");
            Devices.Recorded($"Training steps of {shape} are one recording from here on.");
            return made;
        }
        catch (Exception e) when (e is not TrainingException)
        {
            made.Dispose();
            random.Restore();
            _refused = true;
            tell($"Steps cannot be recorded as a CUDA graph ({e.Message.Split('\n')[0]}): done one operator after the other.");
            return null;
        }
        finally
        {
            if (_refused) foreach (var parameter in model.parameters()) parameter.grad = null;
        }
    }

    private sealed record Recorded(string Shape, IRecording Recording, DeviceBatch[] Inputs, Dictionary<string, Tensor> Divisors,
        Tensor? Scale, Tensor Loss) : IDisposable
    {
        private (Tensor Parameter, Tensor Gradient)[] _gradients = [];

        public void Record(nn.Module model, Func<DeviceBatch, PassInputs, Tensor> pass)
        {
            foreach (var parameter in model.parameters()) parameter.grad = null;     // so that gradients are the recording's own
            var inputs = new PassInputs(term => Divisors.TryGetValue(term, out var divisor) ? divisor
                : throw new InvalidOperationException($"the loss has a new term, {term}"), Scale);
            Recording.Record(() =>
            {
                using var scope = NewDisposeScope();
                Loss.zero_();
                foreach (var batch in Inputs) Loss.add_(pass(batch, inputs));
            });
            _gradients = [.. model.parameters().Where(p => p.grad is not null).Select(p => (p, p.grad!.DetachFromDisposeScope()))];
        }

        public Tensor Replay(IReadOnlyList<Batch> batches, Func<string, long> targets, double scale)
        {
            using var none = no_grad();
            for (var i = 0; i < Inputs.Length; i++) Inputs[i].Refill(batches[i]);
            foreach (var (term, divisor) in Divisors) divisor.fill_(Math.Max(1, targets(term)));
            Scale?.fill_(scale);
            foreach (var (parameter, gradient) in _gradients) parameter.grad = gradient;
            Recording.Replay();
            return Loss.alias();
        }

        public void Dispose()
        {
            Recording.Dispose();
            foreach (var batch in Inputs) batch.Dispose();
            foreach (var (_, gradient) in _gradients) gradient.Dispose();
            Scale?.Dispose();
            Loss.Dispose();
        }
    }
}
