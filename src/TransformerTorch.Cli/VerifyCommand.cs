using System.CommandLine;
using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using TransformerTorch.Layers;
using TransformerTorch.Tensors;
using TransformerTorch.Verification;
using static TorchSharp.torch;

namespace TransformerTorch.Cli;

/// <summary><c>tt verify</c>: models against what the reference computed for them.</summary>
internal static class VerifyCommand
{
    private static readonly Argument<string[]> _folders = new("DIR")
    {
        Description = "A model folder with io.safetensors, and grads.json and generate.json where it has them",
        Arity = ArgumentArity.OneOrMore,
    };
    private static readonly Option<string> _device = new("--device")
    {
        Description = "auto, cpu, cuda or cuda:N", DefaultValueFactory = _ => "cpu",
    };
    private static readonly Option<Precision> _precision = new("--precision")
    {
        Description = "fp32 or bf16, which allows 400 times the differences", DefaultValueFactory = _ => Precision.Fp32,
    };
    private static readonly Option<string?> _attention = new("--attention")
    {
        Description = "fused, sdpa or math; the fastest that can, if not given",
    };
    private static readonly Option<bool> _json = CommandLine.Json();

    public static Command Create()
    {
        _precision.AcceptOnlyFromAmong("fp32", "bf16");
        var command = new Command("verify", "Hold models against the reference's outputs, losses, gradients and generations")
        {
            _folders, _device, _precision, _attention, _json,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        var device = CommandLine.Device(parsed, _device);
        var precision = parsed.GetValue(_precision);
        if (parsed.GetValue(_attention) is { } name) AttentionKernel.Override = CommandLine.Checked(() => AttentionKernel.Parse(name));
        var failures = new JsonObject();
        foreach (var folder in parsed.GetRequiredValue(_folders)) failures[folder] = string.Join(", ", Verify(folder, device, precision));
        if (parsed.GetValue(_json)) Console.WriteLine(new JsonObject { ["failures"] = failures }.ToJsonString());
        return failures.All(f => f.Value!.GetValue<string>() == "") ? CommandLine.Done : CommandLine.Failed;
    }

    /// <summary>Prints a line for each finding and returns the names of those that failed.</summary>
    private static List<string> Verify(string folder, Device device, Precision precision)
    {
        var failed = new List<string>();
        try
        {
            using var reference = new ReferenceCase(folder);
            using var model = ModelFolder.Load(folder, device);
            using var autocast = Autocast.Enter(precision, device);
            var slack = precision == Precision.Fp32 ? 1 : 400;
            foreach (var finding in new Verifier(model, reference).Run().Select(f => f with { Limit = f.Limit * slack }))
            {
                var size = double.IsNaN(finding.Difference) ? "" : $"{finding.Difference:g3} (limit {finding.Limit:g3}) ";
                Console.WriteLine($"  {finding.Name}: {size}{(finding.Ok ? "ok" : $"FAILED {finding.Detail}")}");
                if (!finding.Ok) failed.Add(finding.Name);
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Console.WriteLine($"  {e.Message}");
            failed.Add("error");
        }
        Console.WriteLine($"{folder}: {(failed.Count == 0 ? "ok" : $"FAILED ({string.Join(", ", failed)})")}");
        return failed;
    }
}
