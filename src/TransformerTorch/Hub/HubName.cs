using System.Text.RegularExpressions;

namespace TransformerTorch.Hub;

/// <summary>A model on the hub, at a revision.</summary>
/// <param name="Repository">"org/name", or "name" alone as the oldest ones have it</param>
/// <param name="Revision">a branch, a tag or a commit</param>
public sealed partial record HubName(string Repository, string Revision)
{
    /// <summary>Its folder in the cache.</summary>
    public string Folder => "models--" + Repository.Replace("/", "--", StringComparison.Ordinal);

    /// <summary>Whether a text can be the name of a model on the hub.</summary>
    public static bool IsOne(string text) => text.Length <= 96 && Pattern().IsMatch(text)
        && !text.Contains("--", StringComparison.Ordinal) && !text.Contains("..", StringComparison.Ordinal);

    /// <summary>A name that is one.</summary>
    /// <exception cref="HubException">It is none.</exception>
    public static HubName Parse(string repository, string? revision = null)
    {
        if (!IsOne(repository)) throw new HubException($"'{repository}' is neither a folder nor the name of a model such as org/name");
        revision ??= "main";
        return IsPath(revision) ? new HubName(repository, revision) : throw new HubException($"'{revision}' is no revision");
    }

    /// <summary>Whether a path from elsewhere stays in the folder that it is put into.</summary>
    internal static bool IsPath(string path) => path.Split('/').All(p => p is not ("" or "." or "..")) && !Unsafe().IsMatch(path);

    /// <summary>Whether it is a commit's hash.</summary>
    internal static bool IsCommit(string text) => Commit().IsMatch(text);

    [GeneratedRegex(@"^\w[\w.-]*(/\w[\w.-]*)?$")]
    private static partial Regex Pattern();

    [GeneratedRegex(@"[\\:*?""<>|\x00-\x1f]")]
    private static partial Regex Unsafe();

    [GeneratedRegex("^[0-9a-f]{40}$")]
    private static partial Regex Commit();
}
