using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using TransformerTorch.Checkpoints;
using TransformerTorch.Checkpoints.Gguf;
using static TorchSharp.torch;

namespace TransformerTorch.Cli;

/// <summary><c>tt convert</c>: between checkpoint formats, types and sizes of files.</summary>
internal static partial class ConvertCommand
{
    private static readonly Argument<string> _in = new("IN") { Description = "A model's folder, org/name on the hub, or a GGUF file" };
    private static readonly Argument<string> _out = new("OUT") { Description = "A folder to write, in the published layout, or FILE.gguf" };
    private static readonly Option<string?> _type = new("--dtype")
    {
        Description = "bf16, f16 or f32 [default: as it is; to GGUF f16, from GGUF f32]; to GGUF also q8_0", HelpName = "TYPE",
    };
    private static readonly Option<string> _shard = new("--max-shard-size")
    {
        Description = "The most bytes of a weights file, as 5GB or 500MB", HelpName = "SIZE", DefaultValueFactory = _ => "5GB",
    };

    public static Command Create()
    {
        var command = new Command("convert", "Write a model's weights as safetensors or GGUF, from either or from pytorch_model.bin")
        {
            _in, _out, _type, _shard,
        };
        command.SetAction(Run);
        return command;
    }

    private static async Task<int> Run(ParseResult parsed, CancellationToken cancellation)
    {
        var (type, target) = (parsed.GetValue(_type), parsed.GetRequiredValue(_out));
        var (from, most) = (parsed.GetRequiredValue(_in), Size(parsed.GetRequiredValue(_shard)));
        var (clock, shown, done) = (Stopwatch.StartNew(), TimeSpan.Zero, 0L);
        var gguf = target.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) ? Gguf(type) : (GgufType?)null;
        var options = new ConversionOptions { Type = gguf is null ? Scalar(type) : null, MostShardBytes = most };
        int count;
        if (GgufFile.Recognizes(from) && gguf is not null)
            throw new UsageException($"{from} is GGUF already: convert it into a folder first, and that into {target}");
        if (GgufFile.Recognizes(from)) count = GgufConversion.Read(from, target, options.Type ?? ScalarType.Float32, most);
        else
        {
            var folder = await ModelArgument.Folder(from, cancellation);
            count = gguf is { } kind ? GgufConversion.Write(folder, target, kind, tensor => Written(tensor.Name, tensor.Bytes))
                : WeightConversion.Run(folder, target, options, tensor => Written(tensor.Name, tensor.Bytes));
        }
        Console.WriteLine($"{target}: {count} tensors{(done > 0 ? $", {ModelArgument.Bytes(done)}" : "")}");
        return CommandLine.Done;

        void Written(string name, long bytes)
        {
            cancellation.ThrowIfCancellationRequested();
            done += bytes;
            if (clock.Elapsed - shown < TimeSpan.FromSeconds(2)) return;
            shown = clock.Elapsed;
            Console.Error.WriteLine($"writing {name}: {ModelArgument.Bytes(done)}");
        }
    }

    private static GgufType Gguf(string? name) => name switch
    {
        null or "f16" => GgufType.F16,
        "f32" => GgufType.F32,
        "bf16" => GgufType.BF16,
        "q8_0" => GgufType.Q8,
        _ => throw new UsageException($"--dtype {name}: GGUF is written in f32, f16, bf16 and q8_0"),
    };

    private static ScalarType? Scalar(string? name) => name switch
    {
        null => null,
        "bf16" => ScalarType.BFloat16,
        "f16" => ScalarType.Float16,
        "f32" => ScalarType.Float32,
        "q8_0" => throw new UsageException("--dtype q8_0 is for GGUF: let OUT end with .gguf"),
        _ => throw new UsageException($"--dtype {name}: possible are bf16, f16 and f32, and q8_0 for GGUF"),
    };

    private static long Size(string text)
    {
        var match = Pattern().Match(text);
        double unit = match.Groups["unit"].Value.ToUpperInvariant() switch
        {
            "" or "B" => 1, "KB" => 1e3, "MB" => 1e6, "GB" => 1e9, "KIB" => 1L << 10, "MIB" => 1L << 20, _ => 1L << 30,
        };
        var bytes = match.Success ? double.Parse(match.Groups["count"].Value, CultureInfo.InvariantCulture) * unit : 0;
        return bytes is >= 1 and <= 1e18 ? (long)bytes
            : throw new UsageException($"--max-shard-size {text}: expected a size such as 5GB or 500MB");
    }

    [GeneratedRegex(@"^(?<count>\d+(\.\d+)?)\s*(?<unit>[KMG]I?B|B)?$", RegexOptions.IgnoreCase)]
    private static partial Regex Pattern();
}
