using TorchSharp;
using TransformerTorch.AI;
using TransformerTorch.Checkpoints;
using TransformerTorch.Models;
using TransformerTorch.Text.Training;
using static TorchSharp.torch;

namespace TransformerTorch.Cli.Bench;

/// <summary>A workload's model with random weights in a folder, as services want it; its tokens are the words w0, w1 ...</summary>
internal sealed class ServedFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tt-bench-");
    private readonly int _words;

    public ServedFolder(ModelWorkload work)
    {
        random.manual_seed(0);
        _words = work.Vocabulary - 1;
        using var model = PretrainedModel.Create(work.Model);
        model.InitializeWeights();
        ModelFolder.Save(model, _folder.FullName);
        var trainer = new WordLevelTrainer { VocabularySize = work.Vocabulary, SpecialTokens = ["[UNK]"] };
        trainer.Train([string.Join(' ', Enumerable.Range(0, _words).Select(i => $"w{i}"))])
            .Save(Path.Combine(_folder.FullName, "tokenizer.json"));
    }

    /// <summary>A text of so many tokens, another one each time.</summary>
    public string Text(int tokens) => string.Join(' ', Enumerable.Range(0, tokens).Select(_ => $"w{Random.Shared.Next(_words)}"));

    public Task<ServedModel> LoadAsync(BenchRun run) => ServedModel.LoadAsync(new ModelOptions
    {
        Model = _folder.FullName, Name = "bench", Device = run.Device.ToString(),
        Type = run.Dtype switch { "fp32" => "float32", "bf16" => "bfloat16", var bits => bits },
    });

    public void Dispose() => _folder.Delete(recursive: true);
}
