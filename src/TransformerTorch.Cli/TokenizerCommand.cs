using System.CommandLine;
using System.Text.Json;
using TransformerTorch.Text;
using TransformerTorch.Text.Training;
using TransformerTorch.Text.Verification;

namespace TransformerTorch.Cli;

/// <summary><c>tt tokenizer</c>: trains, encodes, decodes, and holds a tokenizer against the reference's answers.</summary>
internal static class TokenizerCommand
{
    private static readonly JsonSerializerOptions _plain = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static Command Create() => new("tokenizer", "Train and use tokenizers") { Train(), Encode(), Decode(), Verify() };

    private static Command Train()
    {
        var kind = new Option<string>("--model") { Description = "bpe, wordpiece, unigram or wordlevel", Required = true };
        kind.AcceptOnlyFromAmong("bpe", "wordpiece", "unigram", "wordlevel");
        var size = new Option<int>("--vocab-size") { Description = "Tokens, the special ones included", Required = true };
        var output = new Option<string>("--out") { Description = "Folder that gets tokenizer.json", Required = true };
        var special = new Option<string[]>("--special-token") { Description = "A special token; may be repeated, the order gives the ids" };
        var files = new Argument<string[]>("FILE") { Description = "Text files, read line by line", Arity = ArgumentArity.OneOrMore };
        var command = new Command("train", "Learn a vocabulary from text files") { kind, size, output, special, files };
        command.SetAction(parsed =>
        {
            var (model, tokens) = (parsed.GetRequiredValue(kind), parsed.GetRequiredValue(size));
            var trainer = CommandLine.Checked(() => Trainer(model, tokens, parsed.GetValue(special)));
            var paths = parsed.GetRequiredValue(files);
            if (paths.FirstOrDefault(path => !File.Exists(path)) is { } missing)
                throw new UsageException($"{missing}: there is no such file");
            var tokenizer = trainer.TrainFromFiles(paths, new Stages());
            var folder = Directory.CreateDirectory(parsed.GetRequiredValue(output)).FullName;
            tokenizer.Save(Path.Combine(folder, "tokenizer.json"));
            Console.WriteLine($"{Path.Combine(parsed.GetRequiredValue(output), "tokenizer.json")}: {tokenizer.VocabularySize} tokens");
            return CommandLine.Done;
        });
        return command;
    }

    private static Trainer Trainer(string kind, int size, string[]? special)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size, "--vocab-size");
        Trainer trainer = kind switch
        {
            "bpe" => new BytePairTrainer { SpecialTokens = ["<|endoftext|>"] },
            "wordpiece" => new WordPieceTrainer { SpecialTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] },
            "unigram" => new UnigramTrainer { SpecialTokens = ["<pad>", "</s>", "<unk>"] },
            _ => new WordLevelTrainer(),
        };
        return trainer with { VocabularySize = size, SpecialTokens = special is { Length: > 0 } ? special : trainer.SpecialTokens };
    }

    private static Command Encode()
    {
        var (folder, json) = (Folder(), CommandLine.Json());
        var bare = new Option<bool>("--no-special-tokens") { Description = "Leave out what the post-processor adds" };
        var text = new Argument<string?>("TEXT") { Description = "The text; without it, standard input", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("encode", "Print the ids, tokens and offsets (UTF-16) of a text") { folder, bare, json, text };
        command.SetAction(parsed =>
        {
            var tokenizer = Load(parsed.GetRequiredValue(folder));
            var encoding = tokenizer.Encode(parsed.GetValue(text) ?? Console.In.ReadToEnd(), !parsed.GetValue(bare));
            if (parsed.GetValue(json))
            {
                int[][] offsets = [.. encoding.Offsets.Select(offset => new[] { offset.Start, offset.End })];
                Console.WriteLine(JsonSerializer.Serialize(new { ids = encoding.Ids, tokens = encoding.Tokens, offsets }, _plain));
                return CommandLine.Done;
            }
            for (var i = 0; i < encoding.Count; i++)
            {
                var (start, end) = encoding.Offsets[i];
                Console.WriteLine($"{encoding.Ids[i]}\t{JsonSerializer.Serialize(encoding.Tokens[i], _plain)}\t{start}..{end}");
            }
            return CommandLine.Done;
        });
        return command;
    }

    private static Command Decode()
    {
        var folder = Folder();
        var keep = new Option<bool>("--keep-special-tokens") { Description = "Show special tokens too" };
        var ids = new Argument<string[]>("IDS") { Description = "Ids, separated by commas or spaces", Arity = ArgumentArity.OneOrMore };
        var command = new Command("decode", "Print the text of ids") { folder, keep, ids };
        command.SetAction(parsed =>
        {
            var words = parsed.GetRequiredValue(ids).SelectMany(word => word.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries));
            var numbers = words.Select(Number).ToList();
            Console.WriteLine(Load(parsed.GetRequiredValue(folder)).Decode(numbers, !parsed.GetValue(keep)));
            return CommandLine.Done;
        });
        return command;
    }

    private static int Number(string word) => int.TryParse(word, out var id) ? id : throw new UsageException($"'{word}' is no id");

    private static Command Verify()
    {
        var folders = new Argument<string[]>("DIR")
        {
            Description = "Folders with a tokenizer and cases.jsonl",
            Arity = ArgumentArity.OneOrMore,
        };
        var command = new Command("verify", "Hold tokenizers against the reference's answers in DIR/cases.jsonl") { folders };
        command.SetAction(parsed =>
        {
            var verdicts = parsed.GetRequiredValue(folders).Select(Verified).ToList(); // all of them, whatever the first says
            return verdicts.TrueForAll(verdict => verdict) ? CommandLine.Done : CommandLine.Failed;
        });
        return command;
    }

    private static bool Verified(string folder)
    {
        try
        {
            var results = CaseFile.Compare(Load(folder), Path.Combine(folder, "cases.jsonl"));
            foreach (var result in results)
            {
                var verdict = result.Differ == 0 ? "ok" : $"FAILED: {result.First}";
                Console.WriteLine($"{result.Name}: {result.Differ} of {result.Cases} differ, limit 0, {verdict}");
            }
            var failed = results.Where(result => result.Differ > 0).Select(result => result.Name).ToList();
            if (results.Count == 0)
                failed.Add("cases.jsonl is empty");
            Console.WriteLine(failed.Count == 0 ? $"{folder}: ok" : $"{folder}: FAILED ({string.Join(", ", failed)})");
            return failed.Count == 0;
        }
        catch (Exception exception) when (exception is TokenizerException or IOException)
        {
            Console.WriteLine($"{folder}: FAILED ({exception.Message})");
            return false;
        }
    }

    private static Option<string> Folder() => new("--tokenizer")
    {
        Description = "Folder of the tokenizer, or its tokenizer.json",
        Required = true,
    };

    private static Tokenizer Load(string path) => File.Exists(path) ? Tokenizer.FromFile(path) : Tokenizer.FromPretrained(path);

    /// <summary>Shows how far a training is: a line for each stage, and now and then.</summary>
    private sealed class Stages : IProgress<Text.Training.TrainingProgress>
    {
        private readonly object _lock = new();
        private long _shown = -10_000;

        public void Report(Text.Training.TrainingProgress value)
        {
            lock (_lock)
            {
                if (Environment.TickCount64 - _shown < 2_000)
                    return;
                _shown = Environment.TickCount64;
                Console.Error.WriteLine($"{value.Stage}: {value.Done:N0}{(value.Total > 0 ? $" of {value.Total:N0}" : "")}");
            }
        }
    }
}
