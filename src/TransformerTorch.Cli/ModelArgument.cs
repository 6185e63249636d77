using System.Diagnostics;
using TransformerTorch.Hub;

namespace TransformerTorch.Cli;

/// <summary>A model as users name it: a folder, or org/name on the hub.</summary>
internal static class ModelArgument
{
    /// <summary>Its folder; what has to be downloaded is, with how far it is on standard error.</summary>
    public static Task<string> Folder(string name, CancellationToken cancellation)
        => ModelHub.Folder(name, progress: new Downloads(), cancellation: cancellation);

    /// <summary>Bytes for people: "548 MB".</summary>
    public static string Bytes(double bytes) => bytes switch
    {
        >= 1e12 => $"{bytes / 1e12:0.0} TB",
        >= 1e10 => $"{bytes / 1e9:0} GB",
        >= 1e9 => $"{bytes / 1e9:0.0} GB",
        >= 1e6 => $"{bytes / 1e6:0} MB",
        >= 1e3 => $"{bytes / 1e3:0} kB",
        _ => $"{bytes:0} bytes",
    };

    private sealed class Downloads : IProgress<HubProgress>
    {
        private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(2);
        private readonly Stopwatch _clock = new();
        private string? _file;

        public void Report(HubProgress value)
        {
            if (value.File == _file && _clock.Elapsed < s_pause) return;
            _file = value.File;
            _clock.Restart();
            var share = value.Total is > 0 and var total ? $"{100 * value.Done / total}% of {Bytes(total)}" : Bytes(value.Done);
            Console.Error.WriteLine($"downloading {value.File}: {share}");
        }
    }
}
