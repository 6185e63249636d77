namespace TransformerTorch.EndToEnd.Setup;

/// <summary>scripts/tt on a machine of stand-ins. Truth: the command line's description.</summary>
public sealed class TtTests : IDisposable
{
    private const string WritesResults = """
        [ "$1" = test ] || exit 0
        name=$(basename "$2" .dll)
        while [ "$1" != --results-directory ]; do shift; done
        mkdir -p "$2"
        """;

    private readonly FakeMachine _machine = new();

    public TtTests()
    {
        _machine.Environment["LIBTORCH"] = _machine.Path("libtorch");
        _machine.Write("repo/tests/A/A.csproj", "<Project />");
        _machine.Write("repo/tests/B/B.csproj", "<Project />");
    }

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void A_command_is_run_by_the_chosen_host_with_its_arguments_and_its_exit_code()
    {
        _machine.Command("dotnet", """case "$1" in *tt.dll) echo "figures"; exit 7;; esac""");

        var result = _machine.Run("tt", "train", "a b.yaml", "--set", "x=1");

        Assert.Equal((7, "figures\n"), (result.ExitCode, result.Output));
        Assert.EndsWith("release/tt.dll train a b.yaml --set x=1", _machine.Calls[^1]);
    }

    [Fact]
    public void Nothing_is_built_twice_and_a_change_is_built()
    {
        _machine.Run("tt", "doctor");
        _machine.Run("tt", "doctor");
        var twice = Builds();
        _machine.Write("repo/src/TransformerTorch.Cli/Added.cs", "// added");
        _machine.Run("tt", "doctor");
        var added = Builds();
        File.Delete(_machine.Path("repo/src/TransformerTorch.Cli/Added.cs"));
        _machine.Run("tt", "doctor");

        Assert.Equal((1, 2, 3), (twice, added, Builds()));
    }

    [Fact]
    public void A_failed_build_is_shown_and_runs_nothing()
    {
        _machine.Command("dotnet", """[ "$1" != build ] || { echo "Program.cs(1,2): error CS1002: ; expected [x.csproj]"; exit 1; }""");

        var result = _machine.Run("tt", "doctor");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("Program.cs(1,2): error CS1002: ; expected", result.Errors);
        Assert.DoesNotContain(_machine.Calls, call => call.Contains("tt.dll"));
    }

    [Fact]
    public void Test_counts_of_all_projects_are_summed_in_the_last_line()
    {
        _machine.Command("dotnet", WritesResults
            + "\necho '<Counters total=\"5\" executed=\"4\" passed=\"4\" failed=\"0\" />' >\"$2/$name.trx\"");

        var result = _machine.Run("tt", "test");

        Assert.Equal((0, "8 passed, 0 failed, 2 skipped"), (result.ExitCode, LastLine(result)));
    }

    [Fact]
    public void A_failed_test_fails_the_command()
    {
        _machine.Command("dotnet", WritesResults
            + "\necho '<Counters total=\"3\" executed=\"3\" passed=\"2\" failed=\"1\" />' >\"$2/$name.trx\"; exit 1");

        var result = _machine.Run("tt", "test");

        Assert.Equal((1, "4 passed, 2 failed"), (result.ExitCode, LastLine(result)));
    }

    [Fact]
    public void A_crashed_test_run_counts_as_failed()
    {
        _machine.Command("dotnet", WritesResults + "\n[ $name = B ] && exit 134\n"
            + "echo '<Counters total=\"3\" executed=\"3\" passed=\"3\" failed=\"0\" />' >\"$2/$name.trx\"");

        var result = _machine.Run("tt", "test");

        Assert.Equal((1, "3 passed, 1 failed"), (result.ExitCode, LastLine(result)));
    }

    [Theory]
    [InlineData(0, "--help")]
    [InlineData(2, "--filter", "A")]
    [InlineData(2, "A", "B")]
    public void Test_takes_one_filter_and_shows_its_usage_before_anything_is_set_up(int exitCode, params string[] arguments)
    {
        var result = _machine.Run("tt", ["test", .. arguments]);

        Assert.Equal(exitCode, result.ExitCode);
        Assert.StartsWith("Usage: scripts/tt test [FILTER]", exitCode == 0 ? result.Output : result.Errors, StringComparison.Ordinal);
        Assert.Empty(_machine.Calls);
    }

    [Fact]
    public void No_test_at_all_is_a_failure()
    {
        _machine.Command("dotnet", WritesResults + "\nexit 0");

        var result = _machine.Run("tt", "test", "Nothing_of_that_name");

        Assert.Equal((1, "0 passed, 0 failed"), (result.ExitCode, LastLine(result)));
    }

    private int Builds() => _machine.Calls.Count(call => call.StartsWith("dotnet build", StringComparison.Ordinal));

    private static string LastLine(ScriptResult result) => result.Output.TrimEnd('\n').Split('\n')[^1];
}
