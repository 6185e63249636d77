using TransformerTorch.Checkpoints;
using TransformerTorch.Data;
using TransformerTorch.Training.Reports;

namespace TransformerTorch.Training;

/// <summary>What a run leaves, and where.</summary>
internal sealed class OutputFolder(string path)
{
    public string Configuration => At("config.yaml");

    public string Metrics => At("metrics.jsonl");

    public string Checkpoints => At("checkpoints");

    private string LossPicture => At("loss.svg");

    private string Model => At("model");

    private IEnumerable<string> Reports
        => new[] { RunRecorder.Report, RunRecorder.Samples, RunRecorder.Events, RunFacts.FileName }.Select(At);

    /// <summary>Keeps other runs out of the folder until it is disposed, or the process ends however that may be.</summary>
    /// <exception cref="TrainingException">Another run writes here.</exception>
    public IDisposable Lock()
    {
        Directory.CreateDirectory(path);
        try
        {
            return new FileStream(At(".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1,
                FileOptions.DeleteOnClose);
        }
        catch (IOException e)
        {
            throw new TrainingException($"{path}: another run writes here. Wait for it, or give this one another output_dir.", e);
        }
    }

    /// <summary>Moves what an earlier run left into <c>earlier-N</c>, and nothing else that lies here.</summary>
    /// <returns>That folder; null where there was nothing.</returns>
    public string? SetAside()
    {
        var left = ((string[])[Configuration, Metrics, Checkpoints, LossPicture, Model, .. Reports]).Where(Path.Exists).ToList();
        if (left.Count == 0) return null;
        var aside = Enumerable.Range(1, int.MaxValue).Select(n => At($"earlier-{n}")).First(folder => !Directory.Exists(folder));
        Directory.CreateDirectory(aside);
        foreach (var entry in left) Directory.Move(entry, Path.Combine(aside, Path.GetFileName(entry)));
        return aside;
    }

    /// <summary>Draws the losses logged so far.</summary>
    public void DrawLoss()
    {
        if (!File.Exists(Metrics)) return;
        using var reader = new StreamReader(new FileStream(Metrics, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        var lines = reader.ReadToEnd().Split('\n');
        AtomicFile.WriteText(LossPicture, LossChart.FromMetrics(lines, Path.GetFileName(Path.GetFullPath(path))).ToSvg());
    }

    /// <summary>Writes the trained model, in place of one that is there.</summary>
    public string Export(Action<string> save)
    {
        AtomicFolder.Write(Model, save, replaces: true);
        return Model;
    }

    private string At(string name) => Path.Combine(path, name);
}
