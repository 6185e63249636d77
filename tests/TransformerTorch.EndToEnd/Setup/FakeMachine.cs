using System.Diagnostics;

namespace TransformerTorch.EndToEnd.Setup;

/// <summary>What a script printed, and how it ended.</summary>
internal sealed record ScriptResult(int ExitCode, string Output, string Errors);

/// <summary>
/// A checkout in a temporary folder on a machine with only the commands named here: our scripts are the real ones, while dotnet, cmake and
/// apt-get are stand-ins that note how they were called and do what a test says.
/// </summary>
internal sealed class FakeMachine : IDisposable
{
    private static readonly string[] RealCommands =
    [
        "awk", "bash", "cat", "chmod", "cp", "cut", "dirname", "basename", "env", "find", "flock", "getconf", "grep", "head", "id",
        "ldd", "ln", "ls", "mkdir", "mktemp", "mv", "nproc", "paste", "readlink", "rm", "sed", "sh", "sha256sum", "sleep", "sort", "stat",
        "sync", "tac", "tail", "timeout", "touch", "tr", "uname", "xargs",
    ];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tt-setup-");

    public FakeMachine()
    {
        CopyScripts();
        Write("repo/Directory.Packages.props", """<Project><PackageVersion Include="TorchSharp" Version="0.107.0" /></Project>""");
        Write("repo/src/native/bridge.cpp", "// the native library");
        Write("repo/src/TransformerTorch.Cli/Program.cs", "// the command line");
        Directory.CreateDirectory(Path("bin"));
        foreach (var command in RealCommands) File.CreateSymbolicLink(Path("bin/" + command), Which(command));
        Command("dotnet", "exit 0");
        Command("g++", "exit 0");
        Command("ninja", "exit 0");
        Command("cmake", """[ "$1" != --build ] || touch "$2/libtransformertorch.so"; [ "$1" = --build ] || mkdir -p "$4" """);
        Libtorch("libtorch", "2.6.0");
    }

    /// <summary>The environment of the next run; HOME and PATH are the machine's own.</summary>
    public Dictionary<string, string> Environment { get; } = [];

    public string[] Calls => File.Exists(Path("calls")) ? File.ReadAllLines(Path("calls")) : [];

    public string Path(string relative) => System.IO.Path.Combine(_folder.FullName, relative);

    public string Read(string relative) => File.ReadAllText(Path(relative));

    public void Write(string relative, string content)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path(relative))!);
        File.WriteAllText(Path(relative), content);
    }

    /// <summary>Puts a stand-in on the path; its arguments are noted before the body runs.</summary>
    public void Command(string name, string body)
    {
        File.Delete(Path("bin/" + name));
        Write("bin/" + name, $"#!/bin/sh\necho {name} \"$@\" >>'{Path("calls")}'\n{body}\n");
        MakeExecutable("bin/" + name);
    }

    public void Remove(string command) => File.Delete(Path("bin/" + command));

    /// <summary>A folder in the layout of the official zip.</summary>
    public void Libtorch(string folder, string version)
    {
        if (Directory.Exists(Path(folder))) Directory.Delete(Path(folder), recursive: true);
        // As the real ones have it, the newer in another place.
        var parts = version.Split('.');
        var header = int.Parse(parts[1]) < 10 ? "csrc/api/include/torch/version.h" : "headeronly/version.h";
        Write($"{folder}/include/torch/{header}",
            $"#pragma once\n\n#define TORCH_VERSION_MAJOR {parts[0]}\n\n#define TORCH_VERSION_MINOR {parts[1]}\n\n"
            + $"#define TORCH_VERSION_PATCH {parts[2]}\n\n#define TORCH_VERSION \\\n  \"{version}\"\n");
        Write($"{folder}/lib/libtorch_cpu.so", "");
    }

    public Process Start(string script, params string[] arguments)
    {
        var start = new ProcessStartInfo(Path("bin/bash"), [Path("repo/scripts/" + script), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        start.Environment.Clear();
        start.Environment["PATH"] = Path("bin");
        start.Environment["HOME"] = _folder.FullName;
        start.Environment["TT_CACHE"] = Path("cache");
        foreach (var (name, value) in Environment) start.Environment[name] = value;
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }

    public ScriptResult Run(string script, params string[] arguments)
    {
        using var process = Start(script, arguments);
        return Finish(process);
    }

    public static ScriptResult Finish(Process process)
    {
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new ScriptResult(process.ExitCode, output, errors.Result);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private void CopyScripts()
    {
        var source = System.IO.Path.Combine(Repository(), "scripts");
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
            Write("repo/scripts/" + System.IO.Path.GetRelativePath(source, file), File.ReadAllText(file));
        MakeExecutable("repo/scripts/setup.sh");
    }

    private void MakeExecutable(string relative)
    {
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(Path(relative), (UnixFileMode)0b111_101_101);
    }

    private static string Which(string command)
        => File.Exists("/usr/bin/" + command) ? "/usr/bin/" + command
            : File.Exists("/bin/" + command) ? "/bin/" + command
            : throw new InvalidOperationException($"these tests need {command}");

    private static string Repository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, "TransformerTorch.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("tests run inside the repository");
    }
}
