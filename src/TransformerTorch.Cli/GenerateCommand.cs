using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using TransformerTorch.Generation;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Text;

namespace TransformerTorch.Cli;

/// <summary><c>tt generate</c>: continues a prompt, as text or as ids, and prints what is new while it comes.</summary>
internal static class GenerateCommand
{
    private static readonly Option<string> _model = new("--model")
    {
        Description = "The model's folder (config.json, model.safetensors, tokenizer.json), or org/name on the hub", HelpName = "DIR",
        Required = true,
    };
    private static readonly Option<string?> _prompt = new("--prompt") { Description = "The text to continue", HelpName = "TEXT" };
    private static readonly Option<int[]?> _ids = new("--prompt-ids")
    {
        Description = "The ids to continue, instead of a text: 5,6,7", HelpName = "IDS", AllowMultipleArgumentsPerToken = false,
        CustomParser = result =>
        {
            var words = result.Tokens.SelectMany(token => token.Value.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries)).ToArray();
            var wrong = words.FirstOrDefault(word => !int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out _));
            if (wrong is null) return [.. words.Select(int.Parse)];
            result.AddError($"--prompt-ids: '{wrong}' is no id; expected whole numbers such as 5,6,7");
            return null;
        },
    };
    private static readonly Option<int?> _length = new("--max-new-tokens")
    {
        Description = "At most so many new tokens [default: the model's generation_config.json, else 128]", HelpName = "N",
    };
    private static readonly Option<double?> _temperature = new("--temperature")
    {
        Description = "0 takes the likeliest token, 1 draws by the model's probabilities", HelpName = "T",
    };
    private static readonly Option<int?> _topK = new("--top-k") { Description = "Draw among the K likeliest only", HelpName = "K" };
    private static readonly Option<double?> _topP = new("--top-p")
    {
        Description = "Draw among the fewest that together have probability P", HelpName = "P",
    };
    private static readonly Option<double?> _minP = new("--min-p")
    {
        Description = "Draw among those at least P times as likely as the likeliest", HelpName = "P",
    };
    private static readonly Option<int?> _beams = new("--beams")
    {
        Description = "Beam search over N texts; draws nothing", HelpName = "N",
    };
    private static readonly Option<long?> _seed = new("--seed") { Description = "Draw the same tokens every time", HelpName = "N" };
    private static readonly Option<string[]> _stop = new("--stop")
    {
        Description = "End before this text; may be repeated", HelpName = "TEXT", DefaultValueFactory = _ => [],
    };
    private static readonly Option<string> _device = new("--device")
    {
        Description = "auto, cpu, cuda or cuda:N", DefaultValueFactory = _ => "auto",
    };
    private static readonly Option<string?> _quantize = CommandLine.Quantize();
    private static readonly Option<bool> _json = CommandLine.Json();

    public static Command Create()
    {
        var command = new Command("generate", "Continue a prompt with a model")
        {
            _model, _prompt, _ids, _length, _temperature, _topK, _topP, _minP, _beams, _seed, _stop, _device, _quantize, _json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetResult(_prompt) is null == result.GetResult(_ids) is null)
                result.AddError("give either --prompt TEXT or --prompt-ids IDS");
            if (result.GetResult(_ids) is not null && result.GetResult(_stop) is { Implicit: false })
                result.AddError("--stop needs a --prompt: ids are not decoded");
        });
        command.SetAction(Run);
        return command;
    }

    private static async Task<int> Run(ParseResult parsed, CancellationToken cancellation)
    {
        var device = CommandLine.Device(parsed, _device);
        var folder = await ModelArgument.Folder(parsed.GetRequiredValue(_model), cancellation);
        var options = CommandLine.Checked(() => Options(parsed, folder));
        var tokenizer = parsed.GetResult(_ids) is null ? TokenizerOf(folder) : null;
        using var model = ModelFolder.Load<LanguageModel>(folder, new LoadOptions
        {
            Device = device,
            Quantize = parsed.GetValue(_quantize) is { } type ? Quantization.Parse(type) : null,
        });
        var pieces = tokenizer is null
            ? Ids(model, parsed.GetRequiredValue(_ids)!, options, cancellation)
            : new TextGenerator(model, tokenizer).Stream(parsed.GetRequiredValue(_prompt)!, options, cancellation);

        var (ids, text, finish, clock) = (new List<int>(), new StringBuilder(), FinishReason.Length, Stopwatch.StartNew());
        var quiet = parsed.GetValue(_json);
        foreach (var piece in pieces)
        {
            if (piece.Id is { } id) ids.Add(id);
            finish = piece.Finish ?? finish;
            text.Append(piece.Text);
            if (quiet) continue;
            Console.Write(piece.Text);
            Console.Out.Flush();
        }
        Console.WriteLine(!quiet ? "" : new JsonObject
        {
            ["ids"] = new JsonArray([.. ids.Select(id => (JsonNode)id)]),
            ["text"] = tokenizer is null ? null : text.ToString(),
            ["finish_reason"] = finish == FinishReason.Stop ? "stop" : "length",
            ["tokens_per_second"] = Math.Round(ids.Count / clock.Elapsed.TotalSeconds, 2),
        }.ToJsonString());
        return CommandLine.Done;
    }

    // As a text whose words are the ids, with commas between them.
    private static IEnumerable<TextPiece> Ids(
        LanguageModel model, int[] prompt, GenerationOptions options, CancellationToken cancellation)
    {
        var (ends, comma) = (options.EndTokens ?? model.Config.EndTokens, "");
        foreach (var id in new TokenGenerator(model).Stream(prompt, options, cancellation))
        {
            yield return new TextPiece(id, $"{comma}{id}", ends.Contains(id) ? FinishReason.Stop : null);
            comma = ",";
        }
    }

    // The command line, else the model's own defaults. Who asks for a choice among tokens wants one drawn.
    private static GenerationOptions Options(ParseResult parsed, string folder)
    {
        var beams = parsed.GetValue(_beams);
        var own = GenerationOptions.Read(ModelFolder.Holding(folder, GenerationKeys.FileName), beams: beams != 1);
        if (beams > 1) own = own.WithBeams(beams.Value);
        var draws = parsed.GetValue(_topK) is not null || parsed.GetValue(_topP) is not null || parsed.GetValue(_minP) is not null;
        return (own with
        {
            MaxNewTokens = parsed.GetValue(_length) ?? own.MaxNewTokens,
            Temperature = parsed.GetValue(_temperature) ?? (draws && own.Temperature == 0 ? 1 : own.Temperature),
            TopK = parsed.GetValue(_topK) ?? own.TopK,
            TopP = parsed.GetValue(_topP) ?? own.TopP,
            MinP = parsed.GetValue(_minP) ?? own.MinP,
            Beams = beams ?? own.Beams,
            Seed = parsed.GetValue(_seed) ?? own.Seed,
            StopTexts = parsed.GetValue(_stop) ?? [],
        }).Validated();
    }

    private static Tokenizer TokenizerOf(string folder) => ModelFolder.TokenizerFolder(folder) is var home
        && File.Exists(Path.Combine(home, "tokenizer.json")) ? Tokenizer.FromPretrained(home)
        : throw new CommandException($"{folder} holds no tokenizer.json, so a text cannot be read: give --prompt-ids");
}
