namespace TorchSharp.Tests;

/// <summary>
/// signatures.txt holds what the drop-in and the real TorchSharp 0.107 have in common (signatures.sh writes it). On the drop-in these
/// tests find what it has beside that; on the real one, what of the file it has not.
/// </summary>
public sealed class ApiTests
{
    private static string[] Known => File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "signatures.txt"));

    private static List<string> Present => Signatures.Of(typeof(torch).Assembly).ToList();

    [SkippableFact]
    public void The_drop_in_has_no_member_that_TorchSharp_has_not()
    {
        Skip.IfNot(Provider.IsDropIn, "Runs on the drop-in.");
        Assert.Empty(Present.Except(Known));
    }

    [Fact]
    public void Every_signature_of_the_file_is_there() => Assert.Empty(Known.Except(Present));

    [Fact]
    public void The_file_covers_what_a_transformer_needs() => Assert.True(Known.Length > 2000, $"only {Known.Length} signatures");

    [SkippableFact]
    public void Signatures_are_written_where_asked()
    {
        var path = Environment.GetEnvironmentVariable("TT_SIGNATURES");
        Skip.If(path is null, "TT_SIGNATURES names no file.");
        File.WriteAllLines(path!, Present);
    }
}
