using System.Text.RegularExpressions;

namespace TransformerTorch.Hub;

/// <summary>Models by name: a folder that is there, or one of the hub's, downloaded once.</summary>
public static partial class ModelHub
{
    private const string Config = "config.json";

    /// <summary>The folder of a model.</summary>
    /// <param name="nameOrFolder">a folder, or "org/name"</param>
    /// <param name="revision">a branch, a tag or a commit; null: "main"</param>
    /// <param name="options">null: as the environment says</param>
    /// <param name="progress">told how far downloads are</param>
    /// <param name="cancellation">stops; what has come is kept, and a later call goes on from it</param>
    /// <exception cref="HubException">There is no such model, or it cannot be had.</exception>
    /// <exception cref="IOException">The disk is full or cannot be written.</exception>
    public static async Task<string> Folder(string nameOrFolder, string? revision = null, HubOptions? options = null,
        IProgress<HubProgress>? progress = null, CancellationToken cancellation = default)
    {
        if (Directory.Exists(nameOrFolder)) return nameOrFolder;
        // What begins with a folder that is here was meant as a path.
        if (!HubName.IsOne(nameOrFolder) || nameOrFolder.Split('/') is not [var first, _] || Directory.Exists(first))
            throw new HubException($"there is no folder {nameOrFolder}");
        options ??= HubOptions.FromEnvironment();
        var name = HubName.Parse(nameOrFolder, revision);
        var cache = new HubCache(options, name);
        if (options.Offline) return Cached(cache, name, "HF_HUB_OFFLINE is set");
        using var client = new HubClient(options);
        HubListing listing;
        try
        {
            listing = await Retry.Run(() => client.List(name, cancellation), options, cancellation).ConfigureAwait(false);
        }
        catch (HubException e) when (e.InnerException is HubBusyException)
        {
            return Cached(cache, name, $"the hub cannot be asked: {e.Message}");
        }
        var wanted = Wanted(listing.Files).ToList();
        if (!wanted.Contains(Config)) throw new HubException($"{name.Repository}: no {Config}: not a model of a kind known here");
        var download = new HubDownload(client, options, name, progress);
        foreach (var file in wanted) await download.Fetch(listing.Commit, file, cancellation).ConfigureAwait(false);
        cache.Note(listing.Commit);
        return cache.Snapshot(listing.Commit);
    }

    /// <summary>
    /// What of a model's files is needed: configurations, tokenizers, and the weights in one form, safetensors before pickles and one file
    /// before shards. The weights come last.
    /// </summary>
    internal static IEnumerable<string> Wanted(IReadOnlyList<string> files)
    {
        string[][] weights =
        [
            [.. files.Where(f => f == "model.safetensors")], [.. files.Where(f => SafeShard().IsMatch(f))],
            [.. files.Where(f => f == "pytorch_model.bin")], [.. files.Where(f => PickledShard().IsMatch(f))],
        ];
        return files.Where(f => About().IsMatch(f)).Concat(weights.FirstOrDefault(w => w.Length > 0) ?? []);
    }

    private static string Cached(HubCache cache, HubName name, string why)
        => cache.Commit() is { } commit && cache.Has(commit, Config) ? cache.Snapshot(commit)
            : throw new HubException($"{name.Repository} at {name.Revision} is no folder and has not been downloaded yet, and {why}");

    [GeneratedRegex(@"^[^/]+\.(json|txt|model|jinja)$|^[^/]+/config\.json$|^additional_chat_templates/[^/]+\.jinja$")]
    private static partial Regex About();

    [GeneratedRegex(@"^model[-_]\d+-of-\d+\.safetensors$")]
    private static partial Regex SafeShard();

    [GeneratedRegex(@"^pytorch_model[-_]\d+-of-\d+\.bin$")]
    private static partial Regex PickledShard();
}
