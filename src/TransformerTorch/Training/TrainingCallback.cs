namespace TransformerTorch.Training;

/// <summary>Code of a library's user that takes part in a run: it sees what happens, and may ask the loop for something.</summary>
public interface ITrainingCallback
{
    /// <summary>Called for each event, in order, on the training thread; an exception ends the run.</summary>
    void OnEvent(TrainingEvent happened, TrainingControl control);
}

/// <summary>What a callback may ask for; the loop does it before the next step.</summary>
public sealed class TrainingControl
{
    internal bool Stops { get; private set; }

    internal bool Saves { get; private set; }

    internal bool Evaluates { get; private set; }

    /// <summary>Ends the run as if it were complete: the model is evaluated and exported.</summary>
    public void Stop() => Stops = true;

    /// <summary>Writes a checkpoint.</summary>
    public void Save() => Saves = true;

    /// <summary>Evaluates on the held-out data.</summary>
    public void Evaluate() => Evaluates = true;

    internal bool TakeSave() => Take(Saves, () => Saves = false);

    internal bool TakeEvaluate() => Take(Evaluates, () => Evaluates = false);

    private static bool Take(bool wanted, Action reset)
    {
        reset();
        return wanted;
    }
}
