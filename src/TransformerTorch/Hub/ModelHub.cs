using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace TransformerTorch.Hub;

/// <summary>Models by name: a folder that is there, or one of the hub's, downloaded once.</summary>
public static partial class ModelHub
{
    private const string Config = "config.json", Modules = "modules.json";

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
            throw new HubException($"there is no folder {nameOrFolder}" + (nameOrFolder.Contains('/', StringComparison.Ordinal) ? ""
                : "; a model on the hub is named org/name, such as google-bert/bert-base-uncased"));
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
        if (!listing.Files.Contains(Config) && !listing.Files.Contains(Modules))
            throw new HubException($"{name.Repository}: no {Config}: not a model of a kind known here");
        var download = new HubDownload(client, options, name, progress);
        await Fetch(Wanted(listing.Files)).ConfigureAwait(false);
        var snapshot = cache.Snapshot(listing.Commit);
        if (listing.Files.Contains(Modules))
            foreach (var folder in ModuleFolders(Path.Combine(snapshot, Modules)))
                await Fetch(Wanted(listing.Files, folder)).ConfigureAwait(false);
        cache.Note(listing.Commit);
        return snapshot;

        async Task Fetch(IEnumerable<string> files)
        {
            foreach (var file in files) await download.Fetch(listing.Commit, file, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// What of a model's files is needed: configurations, tokenizers, and the weights in one form, safetensors before pickles and one file
    /// before shards. The weights come last.
    /// </summary>
    /// <param name="all">the files</param>
    /// <param name="folder">the folder among them where a part of the model is, with a slash at its end; empty: the whole model</param>
    internal static IEnumerable<string> Wanted(IReadOnlyList<string> all, string folder = "")
    {
        var files = all.Where(f => f.StartsWith(folder, StringComparison.Ordinal)).Select(f => f[folder.Length..]).ToList();
        string[][] weights =
        [
            [.. files.Where(f => f == "model.safetensors")], [.. files.Where(f => SafeShard().IsMatch(f))],
            [.. files.Where(f => f == "pytorch_model.bin")], [.. files.Where(f => PickledShard().IsMatch(f))],
        ];
        return files.Where(f => About().IsMatch(f)).Concat(weights.FirstOrDefault(w => w.Length > 0) ?? []).Select(f => folder + f);
    }

    /// <summary>The folders that sentence-transformers' list of modules names; what is wrong with it is for its reader to say.</summary>
    private static IEnumerable<string> ModuleFolders(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) is not JsonArray modules ? []
                : [.. modules.OfType<JsonObject>().Select(m => $"{m["path"]}".TrimEnd('/')).Where(p => p != "").Select(p => p + "/")];
        }
        catch (JsonException)
        {
            return [];
        }
    }

    private static string Cached(HubCache cache, HubName name, string why)
        => cache.Commit() is { } commit && (cache.Has(commit, Config) || cache.Has(commit, Modules)) ? cache.Snapshot(commit)
            : throw new HubException($"{name.Repository} at {name.Revision} is no folder and has not been downloaded yet, and {why}");

    [GeneratedRegex(@"^[^/]+\.(json|txt|model|jinja)$|^[^/]+/config\.json$|^additional_chat_templates/[^/]+\.jinja$")]
    private static partial Regex About();

    [GeneratedRegex(@"^model[-_]\d+-of-\d+\.safetensors$")]
    private static partial Regex SafeShard();

    [GeneratedRegex(@"^pytorch_model[-_]\d+-of-\d+\.bin$")]
    private static partial Regex PickledShard();
}
