namespace TransformerTorch.Text.Training;

/// <summary>The lines of text files, each with its line break, which is text to be learned too.</summary>
internal static class Lines
{
    // A line without end is read in parts, so that memory stays bounded.
    private const int LongestPart = 1 << 20;

    public static IEnumerable<string> Read(string path)
    {
        using var reader = new StreamReader(path);
        var buffer = new char[1 << 16];
        var line = new System.Text.StringBuilder();
        for (int count; (count = reader.Read(buffer)) > 0;)
        {
            for (var start = 0; start < count;)
            {
                var end = Array.IndexOf(buffer, '\n', start, count - start) is >= 0 and var found ? found + 1 : count;
                line.Append(buffer, start, end - start);
                start = end;
                if (line[^1] != '\n' && (line.Length < LongestPart || char.IsHighSurrogate(line[^1])))
                    continue;
                yield return line.ToString();
                line.Clear();
            }
        }
        if (line.Length > 0)
            yield return line.ToString();
    }
}
