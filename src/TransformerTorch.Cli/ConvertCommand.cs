using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using TransformerTorch.Checkpoints;
using static TorchSharp.torch;

namespace TransformerTorch.Cli;

/// <summary><c>tt convert</c>: between checkpoint formats, types and sizes of files.</summary>
internal static partial class ConvertCommand
{
    private static readonly Argument<string> _in = new("IN") { Description = "A model's folder, or org/name on the hub" };
    private static readonly Argument<string> _out = new("OUT") { Description = "The folder to write, in the published layout" };
    private static readonly Option<string?> _type = new("--dtype")
    {
        Description = "bf16, f16 or f32 [default: as it is]", HelpName = "TYPE",
    };
    private static readonly Option<string> _shard = new("--max-shard-size")
    {
        Description = "The most bytes of a weights file, as 5GB or 500MB", HelpName = "SIZE", DefaultValueFactory = _ => "5GB",
    };

    public static Command Create()
    {
        var command = new Command("convert", "Write a model's weights as safetensors: from pytorch_model.bin, in another type, in shards")
        {
            _in, _out, _type, _shard,
        };
        command.SetAction(Run);
        return command;
    }

    private static async Task<int> Run(ParseResult parsed, CancellationToken cancellation)
    {
        var (type, target) = (parsed.GetValue(_type), parsed.GetRequiredValue(_out));
        if (target.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase))
            throw new UsageException("GGUF cannot be written yet: OUT is a folder, for safetensors");
        var options = new ConversionOptions { Type = Scalar(type), MostShardBytes = Size(parsed.GetRequiredValue(_shard)) };
        var folder = await ModelArgument.Folder(parsed.GetRequiredValue(_in), cancellation);
        var (clock, shown, done) = (Stopwatch.StartNew(), TimeSpan.Zero, 0L);
        var count = WeightConversion.Run(folder, target, options, tensor =>
        {
            cancellation.ThrowIfCancellationRequested();
            done += tensor.Bytes;
            if (clock.Elapsed - shown < TimeSpan.FromSeconds(2)) return;
            shown = clock.Elapsed;
            Console.Error.WriteLine($"writing {tensor.Name}: {ModelArgument.Bytes(done)}");
        });
        Console.WriteLine($"{target}: {count} tensors, {ModelArgument.Bytes(done)}");
        return CommandLine.Done;
    }

    private static ScalarType? Scalar(string? name) => name switch
    {
        null => null,
        "bf16" => ScalarType.BFloat16,
        "f16" => ScalarType.Float16,
        "f32" => ScalarType.Float32,
        _ => throw new UsageException($"--dtype {name}: possible are bf16, f16 and f32; quantized types cannot be written yet"),
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
