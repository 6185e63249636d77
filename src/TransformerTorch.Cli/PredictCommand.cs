using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using TransformerTorch.Models;
using TransformerTorch.Pipelines;
using static TorchSharp.torch;

namespace TransformerTorch.Cli;

/// <summary><c>tt predict</c>: what a model that judges texts says of some: classes, entities, answers or what a mask hides.</summary>
internal static class PredictCommand
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    public static Command Create()
    {
        var model = new Option<string>("--model")
        {
            Description = "The folder of a model that classifies texts or tokens, answers questions or fills masks, or org/name on the hub",
            HelpName = "DIR", Required = true,
        };
        var texts = new Argument<string[]>("TEXT")
        {
            Description = "Texts; the lines of standard input where none is given", Arity = ArgumentArity.ZeroOrMore,
        };
        var question = new Option<string?>("--question") { Description = "What is asked of each text", HelpName = "TEXT" };
        var top = new Option<int>("--top") { Description = "At most so many of each text", HelpName = "N", DefaultValueFactory = _ => 5 };
        var device = new Option<string>("--device") { Description = "auto, cpu, cuda or cuda:N", DefaultValueFactory = _ => "auto" };
        var json = CommandLine.Json();
        var command = new Command("predict", "Classify texts, find entities, answer questions or fill masks with a model")
        {
            texts, model, question, top, device, json,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            if (parsed.GetValue(top) < 1) throw new UsageException($"--top {parsed.GetValue(top)}: at least 1");
            var on = CommandLine.Device(parsed, device);
            var folder = await ModelArgument.Folder(parsed.GetRequiredValue(model), cancellation);
            var asked = new Asked(folder, on, parsed.GetValue(question), parsed.GetValue(top));
            string[] given = parsed.GetValue(texts) is [_, ..] named ? named : [.. Lines().Where(line => line.Length > 0)];
            if (given.Length == 0) throw new UsageException("no TEXT is given");
            var found = CommandLine.Checked(() => asked.Of(given));
            if (parsed.GetValue(json))
                Console.WriteLine(JsonSerializer.Serialize(given.Zip(found, (text, own) => new { Text = text, Found = own }), s_json));
            else Print(given, found);
            return CommandLine.Done;
        });
        return command;
    }

    private static IEnumerable<string> Lines()
    {
        while (Console.ReadLine() is { } line) yield return line;
    }

    private static void Print(string[] texts, IReadOnlyList<Found>[] found)
    {
        foreach (var (text, own) in texts.Zip(found))
        {
            if (texts.Length > 1) Console.WriteLine(text);
            foreach (var one in own)
                Console.WriteLine($"{(texts.Length > 1 ? "  " : "")}{one.Score,7:0.0000}  {one.Label}" +
                    (one.Start is { } start ? $"{(one.Label is null ? "" : "  ")}{text[start..one.End!.Value]}" : ""));
        }
    }

    /// <summary>What a model says: a label, or a stretch of the text in UTF-16 units, or both; and how likely it is.</summary>
    private sealed record Found(string? Label, float Score, int? Start = null, int? End = null);

    private sealed record Asked(string Folder, Device Device, string? Question, int Top)
    {
        public IReadOnlyList<Found>[] Of(string[] texts)
        {
            var task = ModelConfig.Read(Path.Combine(Folder, "config.json")).Task;
            if (Question is not null != (task == ModelTask.QuestionAnswering))
                throw new UsageException(Question is null ? $"{Folder} answers questions: give one by --question"
                    : $"--question is for models that answer questions; {Folder} is for {task}");
            return task switch
            {
                ModelTask.SequenceClassification => Through(TextClassification.Load(Folder, Device),
                    p => [.. p.Run(texts).Select(labels => labels.Take(Top))], (LabelScore one) => new(one.Label, one.Score)),
                ModelTask.TokenClassification => Through(TokenClassification.Load(Folder, Device), p => p.Run(texts),
                    (Entity one) => new(one.Label, one.Score, one.Start, one.End)),
                ModelTask.QuestionAnswering => Through(QuestionAnswering.Load(Folder, Device),
                    p => p.Run([.. texts.Select(text => (Question!, text))], Top),
                    (Answer one) => new(null, one.Score, one.Start, one.End)),
                ModelTask.MaskedLanguageModel => Through(FillMask.Load(Folder, Device),
                    p => [.. p.Run(texts, Top).Select(masks => masks.SelectMany(m => m))],
                    (MaskFilling one) => new(one.Sequence, one.Score)),
                ModelTask.CausalLanguageModel or ModelTask.SequenceToSequence
                    => throw new UsageException(
                        $"{Folder} writes texts: {Launcher.Name} generate --model {Launcher.Quote(Folder)} --prompt TEXT"),
                _ => throw new UsageException($"{Folder} is for {task}, which says nothing of a text by itself"),
            };
        }

        private static IReadOnlyList<Found>[] Through<TPipeline, TResult>(
            TPipeline pipeline, Func<TPipeline, IEnumerable<TResult>[]> run, Func<TResult, Found> found) where TPipeline : IDisposable
        {
            using (pipeline) return Array.ConvertAll(run(pipeline), own => (IReadOnlyList<Found>)[.. own.Select(found)]);
        }
    }
}
