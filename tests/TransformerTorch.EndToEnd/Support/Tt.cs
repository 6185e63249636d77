using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;

namespace TransformerTorch.EndToEnd.Support;

/// <summary>How a command ended, and what it printed.</summary>
internal sealed record Outcome(int ExitCode, string Output, string Error)
{
    /// <summary>What --json printed: the last line.</summary>
    public JsonObject Json => (JsonObject)JsonNode.Parse(Output.TrimEnd().Split('\n')[^1])!;

    public Outcome Succeeded()
    {
        Assert.True(ExitCode == 0, $"exit code {ExitCode}\n{Output}\n{Error}");
        return this;
    }
}

/// <summary>The built command line, run in a folder of its own by the host that runs the tests.</summary>
internal sealed partial class Tt : IDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(3);

    public string Folder { get; } = Directory.CreateTempSubdirectory("tt-end-to-end-").FullName;

    /// <summary>Set for the commands, over what the tests' own process has.</summary>
    public Dictionary<string, string?> Environment { get; } = new()
    {
        ["OMP_NUM_THREADS"] = "1", // small models on one thread each: tests run beside each other
        ["TT_LAUNCHER"] = "tt",
    };

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    public string Write(string name, string text)
    {
        File.WriteAllText(Path.Combine(Folder, name), text);
        return name;
    }

    public string At(string name) => Path.Combine(Folder, name);

    public Outcome Run(params string[] arguments)
    {
        using var running = Start(arguments);
        return running.Ended();
    }

    public Running Start(params string[] arguments) => Start(arguments, input: "");

    public Running Start(string[] arguments, string input)
        => StartProgram(Host, [Path.Combine(AppContext.BaseDirectory, "tt.dll"), .. arguments], input);

    /// <summary>Another program, in the same folder and surroundings.</summary>
    public Running StartProgram(string program, IEnumerable<string> arguments, string input = "")
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = Folder, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
        };
        foreach (var (name, value) in Environment) start.Environment[name] = value;
        return new Running(Process.Start(start)!, input);
    }

    /// <summary>dotnet as it runs here: the tests' own process, or what started it.</summary>
    public static string Host { get; } = Path.GetFileNameWithoutExtension(System.Environment.ProcessPath) is "dotnet"
        ? System.Environment.ProcessPath!
        : System.Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    /// <summary>A command that runs.</summary>
    internal sealed partial class Running : IDisposable
    {
        private readonly Process _process;
        private readonly ConcurrentQueue<string> _error = [];
        private readonly StringBuilder _output = new();
        private readonly Task _outputRead, _errorRead;

        public Running(Process process, string input)
        {
            _process = process;
            _process.StandardInput.Write(input);
            _process.StandardInput.Close();
            _outputRead = Task.Run(() =>
            {
                var read = new char[4096];
                while (process.StandardOutput.Read(read) is > 0 and var count)
                    lock (_output) _output.Append(read, 0, count);
            });
            _errorRead = Task.Run(() =>
            {
                while (process.StandardError.ReadLine() is { } line) _error.Enqueue(line);
            });
        }

        /// <summary>What it has printed so far.</summary>
        public string Output
        {
            get { lock (_output) return _output.ToString(); }
        }

        /// <summary>Waits until standard error has a line of that kind.</summary>
        public string WaitFor(Predicate<string> line) => WaitFor(() => _error.FirstOrDefault(seen => line(seen)), _errorRead);

        /// <summary>Waits until what it has printed is of that kind.</summary>
        public string WaitForOutput(Predicate<string> output)
            => WaitFor(() => Output is var printed && output(printed) ? printed : null, _outputRead);

        private string WaitFor(Func<string?> find, Task read)
        {
            for (var until = Stopwatch.StartNew(); ; Thread.Sleep(20))
            {
                var isAll = read.IsCompleted;
                if (find() is { } found) return found;
                if (isAll || until.Elapsed > _patience) Assert.Fail($"it did not come:\n{Output}\n{string.Join('\n', _error)}");
            }
        }

        public bool HasEnded => _process.HasExited;

        public void Signal(int signal) => Assert.Equal(0, Kill(_process.Id, signal));

        public Outcome Ended()
        {
            Assert.True(_process.WaitForExit(_patience), $"still running:\n{string.Join('\n', _error)}");
            Task.WaitAll(_outputRead, _errorRead);
            return new Outcome(_process.ExitCode, Output, string.Join('\n', _error));
        }

        public void Dispose()
        {
            if (!_process.HasExited) _process.Kill(entireProcessTree: true);
            _process.Dispose();
        }

        [LibraryImport("libc", EntryPoint = "kill")]
        private static partial int Kill(int process, int signal);
    }
}
