using System.CommandLine;

namespace TransformerTorch.Cli;

/// <summary><c>tt test</c>, for <c>tt --help</c> to list: scripts/tt runs the tests itself, before it comes to this program.</summary>
internal static class TestCommand
{
    public static Command Create()
    {
        var filter = new Argument<string?>("FILTER") { Description = "A part of tests' full names", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("test", "Run this repository's tests, or those whose name holds FILTER (scripts/tt alone)") { filter };
        command.SetAction(int (ParseResult _) => throw new UsageException("tests are run by scripts/tt test, in a checkout"));
        return command;
    }
}
