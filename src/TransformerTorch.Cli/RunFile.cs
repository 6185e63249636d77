using System.CommandLine;

namespace TransformerTorch.Cli;

/// <summary>The argument and the option of every command that reads a run file.</summary>
internal static class RunFile
{
    public static Argument<string> Path() => new("CONFIG") { Description = "The run file (YAML)", HelpName = "CONFIG.yaml" };

    public static Option<string[]> Overrides() => new("--set")
    {
        Description = "Give a key another value, written as in YAML: --set max_steps=100 --set data.sequence_len=128",
        HelpName = "KEY=VALUE",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
        DefaultValueFactory = _ => [],
    };
}
