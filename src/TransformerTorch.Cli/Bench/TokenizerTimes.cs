using System.Text.Json.Nodes;
using TransformerTorch.Data;
using TransformerTorch.Data.Sources;
using TransformerTorch.Text;
using TransformerTorch.Text.Training;

namespace TransformerTorch.Cli.Bench;

/// <summary>Tokenizers on .NET's documentation, line by line: training on all cores, encoding on one, loading what was trained.</summary>
internal static class TokenizerTimes
{
    public static IEnumerable<BenchResult> Run(string name, BenchRun run)
    {
        string[] lines = [.. new DotnetDocumentation().Read().SelectMany(document => document.Text.Split('\n'))];
        (string Model, Trainer Trainer)[] all =
        [
            ("bpe", new BytePairTrainer { SpecialTokens = ["<|endoftext|>"] }),
            ("wordpiece", new WordPieceTrainer { SpecialTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] }),
            ("unigram", new UnigramTrainer { VocabularySize = 16_000, SpecialTokens = ["<pad>", "</s>", "<unk>"] }),
        ];
        foreach (var (model, trainer) in all)
        {
            Tokenizer? tokenizer = null;
            if (model == "bpe")
                yield return Seconds($"{name} train {model}", run, () => tokenizer = trainer.Train(lines));
            tokenizer ??= trainer.Train(lines);
            yield return Encoding($"{name} encode {model}", run, tokenizer, lines);
            yield return Loading($"{name} load {model}", run, tokenizer);
        }
    }

    private static BenchResult Seconds(string what, BenchRun run, Action action) => new(what, run, run.Best(action), "s");

    private static BenchResult Encoding(string what, BenchRun run, Tokenizer tokenizer, string[] lines)
    {
        long tokens = 0;
        var seconds = run.Best(() => tokens = lines.Sum(line => (long)tokenizer.Encode(line).Ids.Length));
        var bytes = lines.Sum(line => (long)System.Text.Encoding.UTF8.GetByteCount(line));
        return new BenchResult(what, run, bytes / seconds / 1e6, "MB/s")
        {
            Facts = new JsonObject { ["seconds"] = seconds, ["tokens"] = tokens, ["tokens_per_second"] = tokens / seconds },
        };
    }

    private static BenchResult Loading(string what, BenchRun run, Tokenizer tokenizer)
    {
        var path = Path.Combine(Path.GetTempPath(), $"tt-bench-{Environment.ProcessId}.json");
        try
        {
            tokenizer.Save(path);
            return new BenchResult(what, run, 1e3 * run.Best(() => Tokenizer.FromFile(path)), "ms")
            {
                Facts = new JsonObject { ["vocabulary"] = tokenizer.VocabularySize },
            };
        }
        finally
        {
            File.Delete(path);
        }
    }
}
