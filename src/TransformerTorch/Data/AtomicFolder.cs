using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using TransformerTorch.Checkpoints;

namespace TransformerTorch.Data;

/// <summary>
/// Folders that are either wholly there or not there, and that tell when they were altered: written beside under another name, with the
/// SHA-256 of every file in <c>SHA256SUMS</c> (as <c>sha256sum -c</c> reads it), flushed to the disk, renamed.
/// </summary>
public static partial class AtomicFolder
{
    private const string Sums = "SHA256SUMS";
    private const string Unfinished = ".unfinished-";

    /// <summary>
    /// Writes a folder that is not there yet, or in place of one that goes when the new one is whole. Where <paramref name="fill"/> fails,
    /// nothing is left of it.
    /// </summary>
    public static void Write(string path, Action<string> fill, bool replaces = false)
    {
        var parent = Path.GetDirectoryName(Path.GetFullPath(path))!;
        Directory.CreateDirectory(parent);
        RemoveUnfinished(parent);
        var temporary = Path.Combine(parent, $"{Unfinished}{Path.GetFileName(path)}-{Environment.ProcessId}");
        if (Directory.Exists(temporary)) Directory.Delete(temporary, recursive: true);
        Directory.CreateDirectory(temporary);
        try
        {
            fill(temporary);
            var files = Directory.GetFiles(temporary, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToList();
            string Name(string file) => Path.GetRelativePath(temporary, file).Replace('\\', '/');
            AtomicFile.WriteText(Path.Combine(temporary, Sums), string.Concat(files.Select(f => $"{Hash(f, flush: true)}  {Name(f)}\n")));
            foreach (var folder in Directory.GetDirectories(temporary, "*", SearchOption.AllDirectories)) FlushFolder(folder);
            FlushFolder(temporary);
            if (replaces && Directory.Exists(path)) Delete(path);
            Directory.Move(temporary, path);
            FlushFolder(parent);
        }
        catch
        {
            try { Directory.Delete(temporary, recursive: true); }
            catch (IOException) { }     // the next Write removes it; what failed first counts
            throw;
        }
    }

    /// <summary>Removes a folder so that a half removed one is never taken for a whole one.</summary>
    public static void Delete(string path)
    {
        var doomed = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!,
            $"{Unfinished}deleted-{Path.GetFileName(path)}-{Guid.NewGuid():N}");
        Directory.Move(path, doomed);
        Directory.Delete(doomed, recursive: true);
    }

    /// <summary>What is wrong with a folder that <see cref="Write"/> made; null where nothing is.</summary>
    public static string? Defect(string path)
    {
        var sums = Path.Combine(path, Sums);
        if (!Directory.Exists(path)) return "there is no such folder";
        if (!File.Exists(sums)) return $"{Sums} is missing: it was never finished, or is no checkpoint";
        foreach (var line in File.ReadAllLines(sums))
        {
            if (line.Split("  ", 2) is not [{ Length: 64 } hash, var name]) return $"{Sums} is damaged";
            var file = Path.Combine(path, name);
            if (!File.Exists(file)) return $"{name} is missing";
            if (Hash(file, flush: false) != hash) return $"{name} was altered or truncated";
        }
        return null;
    }

    // A folder may be shared, as a cache is: what another process is still writing stays.
    private static void RemoveUnfinished(string parent)
    {
        foreach (var folder in Directory.GetDirectories(parent, Unfinished + "*").Where(folder => !IsBeingWritten(folder)))
            Directory.Delete(folder, recursive: true);
    }

    private static bool IsBeingWritten(string folder)
    {
        if (!int.TryParse(folder[(folder.LastIndexOf('-') + 1)..], out var id) || id == Environment.ProcessId) return false;
        try
        {
            using var process = Process.GetProcessById(id);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static string Hash(string path, bool flush)
    {
        using var stream = new FileStream(path, FileMode.Open, flush ? FileAccess.ReadWrite : FileAccess.Read, FileShare.Read);
        if (flush) stream.Flush(flushToDisk: true);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    // .NET opens no folders; a rename is on the disk only once the folder that holds it is. Windows journals it.
    private static void FlushFolder(string path)
    {
        if (OperatingSystem.IsWindows()) return;
        var descriptor = Open(path, 0);
        if (descriptor < 0) throw new IOException($"{path} cannot be opened to flush it: error {Marshal.GetLastPInvokeError()}");
        var failed = FlushToDisk(descriptor) != 0;
        var error = Marshal.GetLastPInvokeError();
        _ = Close(descriptor);
        if (failed) throw new IOException($"{path} cannot be flushed to the disk: error {error}");
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FlushToDisk(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
