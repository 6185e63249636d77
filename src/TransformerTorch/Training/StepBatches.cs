using TransformerTorch.Data;

namespace TransformerTorch.Training;

/// <summary>The batches of each step, fetched one step ahead; knows where the loader stood after those that were taken.</summary>
/// <param name="loader">Gives the batches.</param>
/// <param name="count">How many a step has.</param>
internal sealed class StepBatches(IBatchLoader loader, int count)
{
    private Fetched? _ahead;

    /// <summary>Where the data stand: after the batches last taken.</summary>
    public LoaderState State { get; private set; } = loader.State;

    /// <summary>Passes over the data, with fraction.</summary>
    public double Epochs { get; private set; } = loader.Epochs;

    /// <summary>Whether the batches last taken ended a pass.</summary>
    public bool EndedEpoch { get; private set; }

    /// <summary>Fetches the next step's batches, unless they are there.</summary>
    public void Fetch()
    {
        if (_ahead is not null) return;
        var batches = new Batch[count];
        for (var i = 0; i < count; i++) batches[i] = loader.NextBatch();
        _ahead = new(batches, loader.State, loader.Epochs);
    }

    /// <summary>The batches fetched, for the step that begins.</summary>
    public IReadOnlyList<Batch> Take()
    {
        var taken = _ahead ?? throw new InvalidOperationException("nothing was fetched");
        EndedEpoch = Math.Floor(taken.Epochs) > Math.Floor(Epochs);
        (State, Epochs, _ahead) = (taken.State, taken.Epochs, null);
        return taken.Batches;
    }

    private sealed record Fetched(Batch[] Batches, LoaderState State, double Epochs);
}
