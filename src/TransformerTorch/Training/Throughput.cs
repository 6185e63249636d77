using System.Diagnostics;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Training;

/// <summary>How fast training goes, evaluation and checkpoints left out: since the last logged step.</summary>
public sealed class Throughput
{
    private readonly Stopwatch _clock = new(), _waiting = new();
    private long _targets, _read;

    /// <summary>Floating-point operations for a token that the model reads.</summary>
    public double FlopsPerToken { get; init; }

    /// <summary>Those of the head for a target: scores of the other tokens are never computed.</summary>
    public double FlopsPerTarget { get; init; }

    /// <summary>What the device reaches in a bare matrix product, operations a second.</summary>
    public double PeakFlops { get; init; }

    /// <summary>Target tokens a second.</summary>
    public double TokensPerSecond => _targets / _clock.Elapsed.TotalSeconds;

    /// <summary>The share of the time in which the step waited for its data.</summary>
    public double DataWait => _waiting.Elapsed / _clock.Elapsed;

    /// <summary>The share of <see cref="PeakFlops"/> that the model's own arithmetic made of the time.</summary>
    public double Mfu => PeakFlops > 0
        ? (_read * FlopsPerToken + _targets * FlopsPerTarget) / _clock.Elapsed.TotalSeconds / PeakFlops : 0;

    /// <summary>
    /// Operations for a token that is read, and for a target: two for each weight that it meets forward and as many backward for
    /// activations, two more for each one that is trained; and attention's scores over <paramref name="length"/> tokens (Chowdhery et
    /// al., 2022). Without recomputation. Targets of an encoder-decoder are among what it reads, but meet its decoder alone.
    /// </summary>
    public static (double Token, double Target) Flops(nn.Module model, int length)
    {
        List<nn.Module> all = [model, .. model.modules()];
        var tables = Handles(all.OfType<Layers.Embedding>());
        // A tied head multiplies by the token table.
        var tied = all.OfType<LanguageModel>().Where(m => m.Config.Head is { Tied: true }).Select(m => m.Backbone.TokenWeight);
        var heads = Handles(all.OfType<Head>());
        var head = model.parameters().Where(p => heads.Contains(p.Handle)).Concat(tied).Sum(Met);
        if (all.OfType<EncoderDecoder>().FirstOrDefault() is not { } pair) return (Body(model), head);
        var encoder = Body(pair.Encoder);
        return (encoder, Body(pair.Decoder) + head - encoder);

        double Body(nn.Module part)
        {
            var weights = part.parameters().Where(p => !tables.Contains(p.Handle) && !heads.Contains(p.Handle));
            var blocks = part.modules().Prepend(part).OfType<Stack>().SelectMany(stack => stack.Options.Blocks);
            return weights.Sum(Met) + blocks.Sum(block => 12.0 * block.Attention.Width * length);
        }

        static double Met(Tensor weight) => weight.numel() * (weight.requires_grad ? 6.0 : 4.0);
        static HashSet<nint> Handles(IEnumerable<nn.Module> modules) => [.. modules.SelectMany(m => m.parameters()).Select(p => p.Handle)];
    }

    /// <summary>Times bare matrix products on a device: operations a second.</summary>
    public static double Peak(Device device, Precision precision)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        var cpu = device.type == TorchSharp.DeviceType.CPU;
        var (size, type) = (cpu ? 768 : 8192, precision == Precision.PureBf16 ? ScalarType.BFloat16 : ScalarType.Float32);
        using var autocast = Autocast.Enter(precision, device);                               // as a layer multiplies
        var (a, b) = (ones([size, size], type, device), ones([size, size], type, device));
        // The best of many: another program may have the machine for a moment.
        var (clock, best) = (Stopwatch.StartNew(), double.PositiveInfinity);
        for (var i = 0; i < 5 || clock.ElapsedMilliseconds < 200; i++) best = Math.Min(best, Time());
        return 2.0 * size * size * size / best;

        double Time()
        {
            using var inner = NewDisposeScope(); // a view that lives on would keep its whole product
            var began = Stopwatch.GetTimestamp();
            var product = Operators.Linear(a, b, null);
            product[0, 0].to(ScalarType.Float32).item<float>();
            return Stopwatch.GetElapsedTime(began).TotalSeconds;
        }
    }

    /// <summary>Starts the clock for a step.</summary>
    public void Start() => _clock.Start();

    /// <summary>Stops the clock after a step.</summary>
    public void Stop(long targets, long read)
    {
        _clock.Stop();
        (_targets, _read) = (_targets + targets, _read + read);
    }

    /// <summary>Fetches data, and counts how long that takes.</summary>
    public void Wait(Action fetch)
    {
        _waiting.Start();
        fetch();
        _waiting.Stop();
    }

    /// <summary>Begins anew.</summary>
    public void Reset()
    {
        _clock.Reset();
        _waiting.Reset();
        (_targets, _read) = (0, 0);
    }
}
