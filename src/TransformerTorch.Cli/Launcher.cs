namespace TransformerTorch.Cli;

/// <summary>How the user calls this program, for commands that a message tells to run.</summary>
internal static class Launcher
{
    /// <summary>What scripts/tt says it was called as, quoted for a shell; <c>tt</c> without it.</summary>
    public static string Name { get; } = Environment.GetEnvironmentVariable("TT_LAUNCHER") is { Length: > 0 } name ? Quote(name) : "tt";

    /// <summary>A word as a POSIX shell reads it back.</summary>
    public static string Quote(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || "-_./=:,+@%".Contains(c, StringComparison.Ordinal))
            ? word
            : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>Text on one line, its breaks shown.</summary>
    public static string OneLine(string text) => text.ReplaceLineEndings("\u21b5");
}
