using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace TransformerTorch.Hub;

/// <summary>How far a download is.</summary>
/// <param name="File">the file</param>
/// <param name="Done">bytes on the disk</param>
/// <param name="Total">bytes of the file, where the hub tells them</param>
public sealed record HubProgress(string File, long Done, long? Total);

/// <summary>
/// Downloads one file into the cache: goes on where an earlier attempt ended, even of another process, and keeps only what has the size
/// and the hash that the hub told.
/// </summary>
internal sealed class HubDownload(HubClient client, HubOptions options, HubName name, IProgress<HubProgress>? progress)
{
    private readonly HubCache _cache = new(options, name);

    /// <summary>Makes sure that a commit's file is in the cache.</summary>
    /// <exception cref="HubException">It cannot be had, or is not what the hub announced.</exception>
    public async Task Fetch(string commit, string file, CancellationToken cancellation)
    {
        if (_cache.Has(commit, file)) return;
        var wanted = await Retry.Run(() => client.Describe(name, commit, file, cancellation), options, cancellation).ConfigureAwait(false);
        using var only = await _cache.Lock(wanted.Hash, cancellation).ConfigureAwait(false);
        var blob = _cache.Blob(wanted.Hash);
        if (!File.Exists(blob)) await Complete(commit, file, wanted, blob, cancellation).ConfigureAwait(false);
        _cache.Link(commit, file, wanted.Hash);
    }

    private async Task Complete(string commit, string file, HubFile wanted, string blob, CancellationToken cancellation)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(blob)!);
        var unfinished = blob + ".incomplete";
        // What an earlier attempt left may be spoilt: then once more from the beginning.
        for (var first = !File.Exists(unfinished); ; first = true)
        {
            await Receive(commit, file, wanted, unfinished, cancellation).ConfigureAwait(false);
            if (await Defect(unfinished, wanted, cancellation).ConfigureAwait(false) is not { } defect) break;
            File.Delete(unfinished);
            if (first) throw new HubException($"{name.Repository}/{file}: what came is not what the hub announced: {defect}");
        }
        File.Move(unfinished, blob, overwrite: true);
    }

    private Task<bool> Receive(string commit, string file, HubFile wanted, string unfinished, CancellationToken cancellation)
        => Retry.Run(async () =>
        {
            using var output = new FileStream(unfinished, FileMode.OpenOrCreate, FileAccess.Write);
            if (wanted.Bytes is null || output.Length > wanted.Bytes) output.SetLength(0);
            if (output.Length == wanted.Bytes) return true;
            var before = output.Seek(0, SeekOrigin.End);
            try
            {
                using var response = await client.Open(name, commit, file, output.Length, cancellation).ConfigureAwait(false);
                if (response.StatusCode != HttpStatusCode.PartialContent) output.SetLength(before = 0); // it sends the whole
                else if (response.Content.Headers.ContentRange?.From != before)
                    throw new HubException($"{name.Repository}/{file}: the hub sends another part than was asked for");
                await Copy(response, output, new(file, 0, wanted.Bytes), cancellation).ConfigureAwait(false);
            }
            catch (HubBusyException e) when (output.Length > before)
            {
                throw new Retry.Advanced(e); // it comes, if in parts
            }
            if (wanted.Bytes is { } bytes && output.Length < bytes)
                throw new HubBusyException($"{name.Repository}/{file}: {output.Length} of {bytes} bytes came");
            return true;
        }, options, cancellation);

    private async Task Copy(HttpResponseMessage response, FileStream output, HubProgress state, CancellationToken cancellation)
    {
        using var body = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        var buffer = new byte[1 << 20];
        progress?.Report(state with { Done = output.Length });
        while (true)
        {
            var read = await client.Reading(patience => body.ReadAsync(buffer, patience).AsTask(), cancellation).ConfigureAwait(false);
            if (read == 0) return;
            if (output.Length + read > state.Total)
                throw new HubException($"{name.Repository}/{state.File}: more than the {state.Total} bytes that the hub announced");
            await output.WriteAsync(buffer.AsMemory(0, read), cancellation).ConfigureAwait(false);
            progress?.Report(state with { Done = output.Length });
        }
    }

    private static async Task<string?> Defect(string path, HubFile wanted, CancellationToken cancellation)
    {
        using var file = File.OpenRead(path);
        if (wanted.Bytes is { } bytes && file.Length != bytes) return $"{file.Length} bytes instead of {bytes}";
        // Of 64 digits it is the content's SHA-256, of 40 git's name for it; others are the hub's own business.
        using var hash = wanted.Hash.Length switch
        {
            64 => IncrementalHash.CreateHash(HashAlgorithmName.SHA256),
            40 => IncrementalHash.CreateHash(HashAlgorithmName.SHA1),
            _ => null,
        };
        if (hash is null) return null;
        if (wanted.Hash.Length == 40) hash.AppendData(Encoding.ASCII.GetBytes($"blob {file.Length}\0"));
        var buffer = new byte[1 << 20];
        for (int read; (read = await file.ReadAsync(buffer, cancellation).ConfigureAwait(false)) > 0;) hash.AppendData(buffer, 0, read);
        var found = Convert.ToHexStringLower(hash.GetHashAndReset());
        return found == wanted.Hash ? null : $"its hash is {found} instead of {wanted.Hash}";
    }
}
