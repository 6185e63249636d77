using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;
using System.Text.Json.Nodes;
using TorchSharp;
using TransformerTorch.Layers;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Cli;

/// <summary>What <c>tt doctor</c> says: lines of name, value and unit, in the order in which they were found.</summary>
internal sealed class MachineReport
{
    private static readonly string[] _variables =
    [
        "LIBTORCH", "TT_NATIVE", "TT_BRIDGE", "TT_ISA", "TT_ATTENTION", "TT_ALLOCATOR", "TT_MEMORY_LIMIT", "TT_CACHE",
        "OMP_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES",
    ];

    private static readonly AttentionArguments _causal = new() { Causal = true };

    private readonly List<(string Key, string Label, JsonNode? Value, string Unit)> _lines = [];

    public static MachineReport Make()
    {
        var report = new MachineReport();
        report.Machine();
        report.Storage();
        try
        {
            report.Torch();
            report.Speed();
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException or NotSupportedException
            or ExternalException or FileNotFoundException)
        {
            // TorchSharp tells all that it tried; its first sentence is the reason.
            var reason = (e.InnerException ?? e).Message.ReplaceLineEndings("\n").Split('\n')[0].Split(".  ")[0];
            report.Problem = $"libtorch does not load: {reason}\n" + (OperatingSystem.IsLinux() ? "scripts/setup.sh sets it up."
                : "NuGet brings it: dotnet run -c Release --project src/TransformerTorch.Cli -- doctor");
        }
        return report;
    }

    /// <summary>Why the engine cannot work here; null where it can.</summary>
    public string? Problem { get; private set; }

    public string ToJson() => new JsonObject(_lines.Select(line => KeyValuePair.Create(line.Key, line.Value?.DeepClone()))).ToJsonString();

    public string ToText()
    {
        var text = new StringBuilder();
        var width = _lines.Max(line => line.Label.Length);
        foreach (var (_, label, value, unit) in _lines)
            text.Append(label.PadRight(width + 2)).Append(value is null ? "none" : Shown(value) + unit).Append('\n');
        return text.ToString();

        static string Shown(JsonNode value) => value switch
        {
            JsonObject { Count: 0 } => "none",
            JsonObject map => string.Join(" ", map.Select(item => $"{item.Key}={item.Value}")),
            JsonArray items => string.Join(", ", items),
            _ => value.ToString(),
        };
    }

    private void Add(string key, string label, JsonNode? value, string unit = "") => _lines.Add((key, label, value, unit));

    private void Machine()
    {
        Add("version", "TransformerTorch", typeof(MachineReport).Assembly.GetName().Version!.ToString(3));
        Add("runtime", ".NET", RuntimeInformation.FrameworkDescription.Replace(".NET ", "", StringComparison.Ordinal));
        Add("system", "System", $"{RuntimeInformation.OSDescription}, {RuntimeInformation.RuntimeIdentifier}");
        Add("processor", "Processor", Processor());
        Add("cores", "Cores", Environment.ProcessorCount);
        Add("instruction_set", "Instruction set", Avx512BF16() ? "AVX-512 with bf16" + (AmxBF16() ? " and AMX" : "")
            : Avx512F.IsSupported ? "AVX-512" : Avx2.IsSupported ? "AVX2" : RuntimeInformation.ProcessArchitecture.ToString());
        Add("memory_gb", "Memory", Math.Round(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9, 1), " GB");
    }

    private void Torch()
    {
        var metadata = typeof(MachineReport).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>();
        Add("provider", "Provider", metadata.Single(item => item.Key == "TorchProvider").Value);
        using (ones(1)) { } // loads libtorch
        Add("libtorch", "libtorch", __version__);
        Add("libtorch_path", "  from", NativeProbe.Loaded("libtorch_cpu") ?? NativeProbe.Loaded("torch_cpu"));
        Add("blas", "BLAS", NativeProbe.Blas());
        var gpus = Enumerable.Range(0, cuda.is_available() ? cuda.device_count() : 0).Select(i => (JsonNode)$"cuda:{i}");
        Add("devices", "Devices", new JsonArray(["cpu", .. gpus]));
        Add("bridge", "Bridge", NativeBridge.BuildInfo ?? $"not used: {NativeBridge.Missing}");
        Add("bridge_path", "  from", NativeProbe.Loaded("libtransformertorch"));
        Add("threads", "Threads", get_num_threads());
        Add("attention", "Attention", AttentionKernel.Chosen(_causal).ToString().ToLowerInvariant());
        if (gpus.Any() && AttentionKernel.Chosen(_causal) == AttentionKernelKind.Fused)
        {
            Add("attention_cuda", "  on CUDA, causal", OnCuda(_causal));
            Add("attention_cuda_packed", "  on CUDA, packed", OnCuda(new()
            {
                Causal = true,
                Terms = AttentionTerms.None with { Documents = zeros(1, 128, ScalarType.Int64, device: CUDA) },
            }));
        }
        Add("environment", "Environment", new JsonObject(_variables
            .Select(name => KeyValuePair.Create(name, (JsonNode?)Environment.GetEnvironmentVariable(name)))
            .Where(item => item.Value is not null)));
    }

    private void Speed()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (x, w) = (randn(512, 768), randn(768, 3072));
        Add("matmul_gflops", "512x768x3072, fp32", Math.Round(2.0 * 512 * 768 * 3072 / Best(() => x.matmul(w)) / 1e9), " GFLOP/s");

        // (B, T, H, D), causal: half of the scores are computed.
        var (q, k, v) = (randn(2, 512, 12, 64), randn(2, 512, 12, 64), randn(2, 512, 12, 64));
        var seconds = Best(() => AttentionKernel.Run(q, k, v, _causal));
        Add("attention_ms", "2x12x512x64 causal", Math.Round(seconds * 1e3, 2), " ms");
        Add("attention_gflops", "", Math.Round(2.0 * 2 * 12 * 512 * 512 * 64 / seconds / 1e9), " GFLOP/s");
    }

    /// <summary>Which kernel a call in bfloat16 runs on CUDA, and why.</summary>
    private static string OnCuda(AttentionArguments arguments)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var x = zeros(1, 128, 2, 64, ScalarType.BFloat16, device: CUDA); // (B, T, H, D)
        AttentionKernel.Run(x, x, x, arguments);
        return NativeBridge.CudaAttention ?? "";
    }

    private void Storage()
    {
        var cache = Environment.GetEnvironmentVariable("TT_CACHE") is { Length: > 0 } named ? named
            : Path.Combine(Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } caches ? caches
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"), "transformertorch");
        Add("cache", "Cache", cache);
        var existing = cache;
        while (!Directory.Exists(existing) && Path.GetDirectoryName(existing) is { Length: > 0 } above) existing = above;
        Add("cache_free_gb", "  free", Math.Round(new DriveInfo(existing).AvailableFreeSpace / 1e9, 1), " GB");
    }

    // The best of a few: what the machine can do when it is left alone.
    private static double Best(Func<Tensor> work)
    {
        var best = double.MaxValue;
        var until = Stopwatch.GetTimestamp() + Stopwatch.Frequency / 2;
        for (var i = 0; i < 3 || Stopwatch.GetTimestamp() < until; i++)
        {
            var start = Stopwatch.GetTimestamp();
            work().Dispose();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return best;
    }

    private static string Processor() => File.Exists("/proc/cpuinfo")
        ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?
            .Split(':')[1].Trim() ?? "unknown"
        : Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? "unknown";

    // .NET has no name for it: leaf 7, subleaf 1, bit 5 of EAX.
    private static bool Avx512BF16() => X86Base.IsSupported && Avx512F.IsSupported && (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0;

    private static bool AmxBF16() => (X86Base.CpuId(7, 0).Edx & (1 << 22)) != 0;
}
