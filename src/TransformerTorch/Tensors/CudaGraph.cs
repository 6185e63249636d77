using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace TransformerTorch.Tensors;

/// <summary>Work of a device that was recorded, and can be done again on the tensors that it was recorded with.</summary>
internal interface IRecording : IDisposable
{
    /// <summary>Records what is done in here, without doing it: results are there after <see cref="Replay"/>.</summary>
    /// <exception cref="InvalidOperationException">The work waits for the device, or cannot be recorded for another reason.</exception>
    void Record(Action work);

    /// <summary>Does it.</summary>
    void Replay();
}

/// <summary>
/// A CUDA graph: kernels are launched together, so that small ones do not wait for the host. Random numbers of the device's own generator
/// are new at each replay. What is allocated while recording stays the graph's as long as it lives.
/// </summary>
internal sealed partial class CudaGraph(Device device) : IRecording
{
    // One stream of a device for all: each that cuBLAS has met keeps a workspace.
    private static readonly Dictionary<int, nint> s_aside = [];
    // One recording at a time: they share that stream and the device's generator.
    private static readonly Lock s_recording = new();
    private readonly int _device = Math.Max(device.index, 0);
    private nint _graph;

    /// <summary>Whether work of this device is recorded: a GPU's, through the native bridge, where it is not turned off.</summary>
    public static bool Serves(Device device) => device.type == DeviceType.CUDA && Devices.CudaGraphs && NativeBridge.IsAvailable;

    /// <summary>Whether memory that libtorch keeps for others is given back first: a training step wants as much again.</summary>
    public bool IsLarge { get; init; }

    public void Record(Action work)
    {
        lock (s_recording) RecordAlone(work);
    }

    public void Replay() => Check(tt_cuda_graph_replay(_graph));

    public void Dispose()
    {
        if (_graph == 0) return;
        _ = tt_cuda_synchronize(_device);
        tt_cuda_graph_free(_graph);
        _graph = 0;
    }

    private void RecordAlone(Action work)
    {
        Check(tt_cuda_synchronize(_device));
        if (IsLarge) Check(tt_cuda_empty_cache());
        var (device, before) = (tt_cuda_current_device(), Handle(tt_cuda_stream_current(_device)));
        try
        {
            _graph = Handle(tt_cuda_graph_new());
            Check(tt_cuda_set_device(_device));
            Check(tt_cuda_stream_set(Aside(_device)));
            Check(tt_cuda_graph_capture_begin(_graph));
            try
            {
                work();
            }
            catch
            {
                _ = tt_cuda_graph_capture_end(_graph);   // what broke the recording is thrown, not that it is broken
                throw;
            }
            Check(tt_cuda_graph_capture_end(_graph));
        }
        finally
        {
            Check(tt_cuda_stream_set(before));
            Check(tt_cuda_set_device(device));
            tt_cuda_stream_free(before);
        }
    }

    private static nint Aside(int device)
        => s_aside.TryGetValue(device, out var known) ? known : s_aside[device] = Handle(tt_cuda_stream_new(device, 0));

    private static void Check(int status) => NativeBridge.Check(status, "CUDA graph");

    private static nint Handle(nint handle) => handle != 0 ? handle : throw NativeBridge.LastError("CUDA graph");

    [LibraryImport(NativeBridge.Library)] private static partial int tt_cuda_synchronize(int device);
    [LibraryImport(NativeBridge.Library)] private static partial int tt_cuda_empty_cache();
    [LibraryImport(NativeBridge.Library)] private static partial int tt_cuda_current_device();
    [LibraryImport(NativeBridge.Library)] private static partial int tt_cuda_set_device(int device);
    [LibraryImport(NativeBridge.Library)] private static partial nint tt_cuda_stream_current(int device);
    [LibraryImport(NativeBridge.Library)] private static partial nint tt_cuda_stream_new(int device, int highPriority);
    [LibraryImport(NativeBridge.Library)] private static partial int tt_cuda_stream_set(nint stream);
    [LibraryImport(NativeBridge.Library)] private static partial void tt_cuda_stream_free(nint stream);
    [LibraryImport(NativeBridge.Library)] private static partial nint tt_cuda_graph_new();
    [LibraryImport(NativeBridge.Library)] private static partial int tt_cuda_graph_capture_begin(nint graph);
    [LibraryImport(NativeBridge.Library)] private static partial int tt_cuda_graph_capture_end(nint graph);
    [LibraryImport(NativeBridge.Library)] private static partial int tt_cuda_graph_replay(nint graph);
    [LibraryImport(NativeBridge.Library)] private static partial void tt_cuda_graph_free(nint graph);
}
