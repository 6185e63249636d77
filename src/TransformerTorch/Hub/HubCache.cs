namespace TransformerTorch.Hub;

/// <summary>
/// The cache of one model: <c>blobs/</c> by hash, <c>snapshots/COMMIT/</c> with links to them by name, <c>refs/</c> that say which commit a
/// branch was last. Whoever writes holds a lock, which the reference library honours as well.
/// </summary>
internal sealed class HubCache(HubOptions options, HubName name)
{
    private static readonly TimeSpan s_poll = TimeSpan.FromMilliseconds(100);
    private readonly string _folder = Path.Combine(options.Cache, name.Folder);

    /// <summary>The folder of a commit.</summary>
    public string Snapshot(string commit) => Path.Combine(_folder, "snapshots", commit);

    /// <summary>Where a file with that hash is kept.</summary>
    public string Blob(string hash) => Path.Combine(_folder, "blobs", hash);

    /// <summary>The commit that the revision was when it was last asked for; null where it never was.</summary>
    public string? Commit()
    {
        if (HubName.IsCommit(name.Revision)) return name.Revision;
        var file = Ref();
        return File.Exists(file) && File.ReadAllText(file).Trim() is var commit && HubName.IsCommit(commit) ? commit : null;
    }

    /// <summary>Notes which commit the revision is.</summary>
    public void Note(string commit)
    {
        if (HubName.IsCommit(name.Revision) || Commit() == commit) return;
        Directory.CreateDirectory(Path.GetDirectoryName(Ref())!);
        var temporary = $"{Ref()}.{Guid.NewGuid():N}.tmp";
        File.WriteAllText(temporary, commit);
        File.Move(temporary, Ref(), overwrite: true);
    }

    /// <summary>Whether a commit's file is there.</summary>
    public bool Has(string commit, string file) => IsThere(Path.Combine(Snapshot(commit), file));

    /// <summary>Lets a commit's file be a blob.</summary>
    public void Link(string commit, string file, string hash)
    {
        var link = Path.Combine(Snapshot(commit), file);
        if (IsThere(link)) return;
        var folder = Path.GetDirectoryName(link)!;
        Directory.CreateDirectory(folder);
        File.Delete(link); // one that leads nowhere
        try
        {
            File.CreateSymbolicLink(link, Path.GetRelativePath(folder, Blob(hash)));
        }
        catch (Exception e) when ((e is IOException or UnauthorizedAccessException) && OperatingSystem.IsWindows())
        {
            File.Copy(Blob(hash), link, overwrite: true); // links need a right there
        }
    }

    /// <summary>Waits until no other process writes the blob.</summary>
    public async Task<IDisposable> Lock(string hash, CancellationToken cancellation)
    {
        var file = Path.Combine(options.Cache, ".locks", name.Folder, hash + ".lock");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        while (true)
        {
            try
            {
                return new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (File.Exists(file))
            {
                await Task.Delay(s_poll, cancellation).ConfigureAwait(false);
            }
        }
    }

    // A link that leads nowhere exists, to .NET.
    private static bool IsThere(string path)
        => new FileInfo(path) is { Exists: true } file && (file.ResolveLinkTarget(returnFinalTarget: true) ?? file).Exists;

    private string Ref() => Path.Combine(_folder, "refs", name.Revision);
}
