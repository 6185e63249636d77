using System.Runtime.InteropServices;
using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>libtorch's version, such as "2.6.0".</summary>
    public static unsafe string __version__ => Marshal.PtrToStringUTF8((nint)NativeMethods.tt_torch_version())!;

    public static int get_num_threads() => NativeMethods.tt_threads();

    public static void set_num_threads(int num) => NativeMethods.Check(NativeMethods.tt_set_threads(num));

    public static int get_num_interop_threads() => NativeMethods.tt_interop_threads();

    public static void set_num_interop_threads(int num) => NativeMethods.Check(NativeMethods.tt_set_interop_threads(num));
}
