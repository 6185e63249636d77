namespace TransformerTorch.EndToEnd.Setup;

/// <summary>scripts/setup.sh on a machine of stand-ins. Truth: its own header and the README's section on libtorch.</summary>
public sealed class SetupTests : IDisposable
{
    private readonly FakeMachine _machine = new();

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void A_named_libtorch_is_built_against_and_written_down()
    {
        UseLibtorch();

        var result = _machine.Run("setup.sh");

        Assert.True(result.ExitCode == 0, result.Errors);
        Assert.Contains("provider system (cpu): LIBTORCH is given", result.Errors);
        Assert.Contains("<TorchProvider>system</TorchProvider>", _machine.Read("repo/.setup/setup.props"));
        Assert.Contains(_machine.Calls, call => call.Contains($"-DTT_TORCH_LIB={_machine.Path("libtorch/lib")}"));
        Assert.Equal(_machine.Path("bin/dotnet"), _machine.Read("repo/.setup/host").Trim());
    }

    [Fact]
    public void LIBTORCH_means_a_library_of_our_own_even_where_NuGets_loads()
    {
        NuGetHasTorchSharp("linux-x64");
        UseLibtorch();

        Assert.Contains("provider system (cpu): LIBTORCH is given", _machine.Run("setup.sh").Errors);
    }

    [SkippableFact]
    public void Where_the_native_library_can_be_built_it_is_even_where_NuGets_loads()
    {
        NeedsDebian();
        NuGetHasTorchSharp("linux-x64");
        _machine.Write("cache/debian13-libtorch2.6/usr/include/torch/version.h", "");

        Assert.Contains("provider system (cpu): the native library can be built here", _machine.Run("setup.sh").Errors);
    }

    [Theory]
    [InlineData("linux-x64", "(cpu): the native library is built with cmake, not found here; NuGet's TorchSharp loads here")]
    [InlineData("osx-arm64", "needed and not found: cmake")]
    public void Without_the_tools_NuGets_is_taken_where_it_loads(string platform, string said)
    {
        NuGetHasTorchSharp(platform);
        _machine.Remove("cmake");

        Assert.Contains(said, _machine.Run("setup.sh").Errors);
    }

    [Fact]
    public void On_another_processor_NuGets_is_taken_and_ours_refused()
    {
        _machine.Command("uname", """[ "$1" = -m ] && echo aarch64 || echo Linux""");
        NuGetHasTorchSharp("linux-arm64");

        var chosen = _machine.Run("setup.sh");
        var refused = _machine.Run("setup.sh", "--provider", "system");

        Assert.Contains("provider package (cpu): the native library is for x86-64, not aarch64", chosen.Errors);
        Assert.Equal(0, chosen.ExitCode);
        Assert.Equal((1, "setup: the native library is for x86-64, and this processor is aarch64; use --provider package\n"),
            (refused.ExitCode, refused.Errors));
    }

    [Fact]
    public void The_SDK_is_asked_in_the_checkout_whatever_the_callers_folder_wants()
    {
        UseLibtorch();
        _machine.Command("dotnet", """case "$PWD" in */repo) ;; *) exit 1 ;; esac""");

        var result = _machine.Run("setup.sh");

        Assert.True(result.ExitCode == 0, result.Errors);
    }

    [Fact]
    public void A_second_run_does_nothing()
    {
        UseLibtorch();
        _machine.Run("setup.sh");
        var calls = _machine.Calls.Length;

        var result = _machine.Run("setup.sh");
        var quiet = _machine.Run("setup.sh", "--quiet");

        Assert.Equal((0, "setup: everything is there\n"), (result.ExitCode, result.Errors));
        Assert.Equal((0, ""), (quiet.ExitCode, quiet.Errors));
        Assert.Equal(calls, _machine.Calls.Length);
    }

    [Fact]
    public void What_was_chosen_holds_until_another_choice_is_named()
    {
        UseLibtorch();
        _machine.Run("setup.sh");
        _machine.Environment.Clear();

        Assert.Contains("everything is there", _machine.Run("setup.sh").Errors);
        Assert.NotEqual(0, _machine.Run("setup.sh", "--provider", "package").ExitCode);
    }

    [Fact]
    public void A_changed_native_source_is_built_again()
    {
        UseLibtorch();
        _machine.Run("setup.sh");
        var calls = _machine.Calls.Length;
        _machine.Write("repo/src/native/bridge.cpp", "// another native library");

        _machine.Run("setup.sh");

        Assert.Contains(_machine.Calls.Skip(calls), call => call.StartsWith("cmake --build", StringComparison.Ordinal));
    }

    [Fact]
    public void A_lost_native_library_is_built_again()
    {
        UseLibtorch();
        _machine.Run("setup.sh");
        var library = Directory.GetFiles(_machine.Path("repo/.setup"), "libtransformertorch.so", SearchOption.AllDirectories).Single();
        File.Delete(library);

        _machine.Run("setup.sh");

        Assert.True(File.Exists(library));
    }

    [Theory]
    [InlineData("2.3.1", "is libtorch 2.3.1; 2.4 to 2.14 work")]
    [InlineData("2.15.0", "is libtorch 2.15.0; 2.4 to 2.14 work")]
    public void A_libtorch_of_another_age_is_refused_by_name(string version, string message)
    {
        _machine.Libtorch("libtorch", version);
        UseLibtorch();

        var result = _machine.Run("setup.sh");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains(message, result.Errors);
    }

    [Fact]
    public void A_folder_without_libtorch_is_refused_by_name()
    {
        _machine.Environment["LIBTORCH"] = _machine.Path("cache-of-something-else");

        var result = _machine.Run("setup.sh");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("cache-of-something-else", result.Errors.Split('\n')[^2]);
    }

    [Fact]
    public void A_libtorch_that_brings_no_nvcc_needs_one_and_says_so()
    {
        _machine.Write("libtorch/lib/libtorch_cuda.so", "");
        UseLibtorch();
        _machine.Environment["CUDA_HOME"] = _machine.Path("none");

        var result = _machine.Run("setup.sh", "--provider", "system", "--device", "cuda");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("--device cuda needs nvcc", result.Errors);
        Assert.DoesNotContain(_machine.Calls, call => call.StartsWith("cmake", StringComparison.Ordinal));
    }

    [Fact]
    public void A_libtorch_without_CUDA_is_refused_for_CUDA()
    {
        UseLibtorch();
        _machine.Command("nvcc", "exit 0");

        var result = _machine.Run("setup.sh", "--device", "cuda");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("is built without CUDA", result.Errors);
    }

    [SkippableFact]
    public void Without_a_network_the_last_line_says_what_to_do()
    {
        NeedsDebian();
        _machine.Command("apt-get", "echo 'Could not resolve host' >&2; exit 100");
        _machine.Command("dpkg-deb", "exit 0");

        var result = _machine.Run("setup.sh", "--provider", "system");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("the network cannot be reached: set LIBTORCH", result.Errors.Split('\n')[^2]);
        Assert.False(File.Exists(_machine.Path("repo/.setup/setup.props")));
    }

    [SkippableFact]
    public void Without_apt_the_last_line_says_what_to_do()
    {
        NeedsDebian();

        var result = _machine.Run("setup.sh", "--provider", "system");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("set LIBTORCH", result.Errors.Split('\n')[^2]);
    }

    [SkippableFact]
    public void A_cache_that_cannot_be_written_is_named()
    {
        NeedsDebian();
        _machine.Command("apt-get", "exit 0");
        _machine.Command("dpkg-deb", "exit 0");
        _machine.Write("file", "");
        _machine.Environment["TT_CACHE"] = _machine.Path("file/cache");

        var result = _machine.Run("setup.sh", "--provider", "system");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("file/cache; set TT_CACHE", result.Errors);
    }

    [Fact]
    public void A_full_disk_is_called_so()
    {
        UseLibtorch();
        _machine.Command("cmake", "echo 'fatal error: error writing to x.o: No space left on device' >&2; exit 1");

        var result = _machine.Run("setup.sh");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("the disk is full: make room", result.Errors.Split('\n')[^2]);
    }

    [Fact]
    public void A_missing_tool_is_named()
    {
        UseLibtorch();
        _machine.Remove("cmake");

        var result = _machine.Run("setup.sh");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("needed and not found: cmake", result.Errors);
    }

    [Fact]
    public void A_compiler_error_is_shown()
    {
        UseLibtorch();
        _machine.Command("cmake", "echo 'bridge.cpp:7:3: error: no such thing'; exit 1");

        var result = _machine.Run("setup.sh");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("bridge.cpp:7:3: error: no such thing", result.Errors);
    }

    [Fact]
    public void Two_at_once_build_once_and_both_succeed()
    {
        UseLibtorch();
        _machine.Command("cmake", """sleep 0.3; [ "$1" = --build ] && touch "$2/libtransformertorch.so" || mkdir -p "$4" """);

        using var first = _machine.Start("setup.sh");
        using var second = _machine.Start("setup.sh");
        var results = new[] { FakeMachine.Finish(first), FakeMachine.Finish(second) };

        Assert.All(results, result => Assert.True(result.ExitCode == 0, result.Errors));
        Assert.Single(_machine.Calls, call => call.StartsWith("cmake --build", StringComparison.Ordinal));
    }

    [Fact]
    public void Killed_while_it_builds_it_completes_when_run_again()
    {
        UseLibtorch();
        var started = _machine.Path("started");
        _machine.Command("cmake", $"""[ "$1" = --build ] || mkdir -p "$4"; [ "$1" != --build ] || touch {started}; exec sleep 60""");
        using var killed = _machine.Start("setup.sh");
        SpinWait.SpinUntil(() => _machine.Calls.Any(call => call.StartsWith("cmake", StringComparison.Ordinal)), TimeSpan.FromSeconds(30));
        killed.Kill(entireProcessTree: true);
        killed.WaitForExit();
        _machine.Command("cmake", """[ "$1" = --build ] && touch "$2/libtransformertorch.so" || mkdir -p "$4" """);

        var result = _machine.Run("setup.sh");

        Assert.True(result.ExitCode == 0, result.Errors);
        Assert.Contains("everything is there", _machine.Run("setup.sh").Errors);
    }

    [Theory]
    [InlineData("--provider", "nuget")]
    [InlineData("--device", "tpu")]
    [InlineData("--fast")]
    public void A_wrong_option_shows_the_usage(params string[] arguments)
    {
        var result = _machine.Run("setup.sh", arguments);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("scripts/setup.sh [--provider", result.Errors);
    }

    private void UseLibtorch() => _machine.Environment["LIBTORCH"] = _machine.Path("libtorch");

    // An empty file: nothing that it needs is missing.
    private void NuGetHasTorchSharp(string platform)
        => _machine.Write($".nuget/packages/torchsharp/0.107.0/runtimes/{platform}/native/libLibTorchSharp.so", "");

    private static void NeedsDebian()
        => Skip.If(File.Exists("/usr/include/torch/csrc/api/include/torch/version.h"), "this machine has a libtorch of its own");
}
