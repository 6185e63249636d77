using TransformerTorch.Checkpoints;
using TransformerTorch.Models;
using TransformerTorch.Sentences;
using TransformerTorch.Text;
using static TorchSharp.torch;

namespace TransformerTorch.Pipelines;

/// <summary>A model with its tokenizer, and texts through it in batches: what pipelines stand on.</summary>
internal sealed class PipelineModel<T> : IDisposable where T : PretrainedModel
{
    private const int BatchTokens = 4096;

    /// <exception cref="CheckpointException">The folder is damaged, or holds a model of another kind.</exception>
    public PipelineModel(string folder, Device? device)
    {
        Model = ModelFolder.Load<T>(folder, device);
        Tokenizer = Tokenizer.FromPretrained(folder);
        var most = Math.Min(Tokenizer.ModelMaxLength ?? int.MaxValue, Model.Config.ContextLength);
        (Tokenizer.Truncation, Tokenizer.Padding) = (new Truncation(most), null);
    }

    public T Model { get; }

    public Tokenizer Tokenizer { get; }

    /// <summary>The name of a label.</summary>
    public string Label(int index) => index < Model.Config.Labels.Count ? Model.Config.Labels[index] : $"LABEL_{index}";

    /// <summary>Each text's scores, in the texts' order; where tokens have scores, those of padding are left out.</summary>
    /// <param name="encodings">the texts</param>
    /// <param name="forward">scores (B, labels) or (B, T, labels)</param>
    public float[][,] Scores(IReadOnlyList<Encoding> encodings, Func<ModelInputs, Tensor> forward)
    {
        var results = new float[encodings.Count][,];
        using var _ = no_grad();
        foreach (var batch in EncodedBatch.Split(encodings, BatchTokens))
        {
            using var scope = NewDisposeScope();
            var scores = forward(EncodedBatch.Inputs(Model, [.. batch.Select(i => encodings[i])])).to(ScalarType.Float32).cpu();
            for (var row = 0; row < batch.Length; row++)
            {
                var own = scores.dim() == 3 ? scores[row].narrow(0, 0, encodings[batch[row]].Count) : scores[row].unsqueeze(0);
                results[batch[row]] = Matrix(own);
            }
        }
        return results;
    }

    public void Dispose() => Model.Dispose();

    private static float[,] Matrix(Tensor rows)
    {
        var result = new float[rows.shape[0], rows.shape[1]];
        var flat = rows.contiguous().data<float>().ToArray();
        Buffer.BlockCopy(flat, 0, result, 0, flat.Length * sizeof(float));
        return result;
    }
}

/// <summary>From scores to probabilities.</summary>
internal static class Probabilities
{
    public static float[] Row(float[,] scores, int row) => [.. Enumerable.Range(0, scores.GetLength(1)).Select(i => scores[row, i])];

    public static float[] Softmax(IReadOnlyList<float> scores)
    {
        var most = scores.Max();
        float[] powers = [.. scores.Select(s => MathF.Exp(s - most))];
        var whole = powers.Sum();
        return Array.ConvertAll(powers, p => p / whole);
    }

    public static float[] Sigmoid(IReadOnlyList<float> scores) => [.. scores.Select(s => 1 / (1 + MathF.Exp(-s)))];

    public static int Likeliest(float[] chances) => Array.IndexOf(chances, chances.Max());
}
