using static TorchSharp.torch;

namespace TorchSharp.Tests;

/// <summary>libtorch and what it brings along leave the process's signals to .NET, which learns of null references by one.</summary>
public sealed class FaultTests
{
    [Fact]
    public void A_null_reference_beside_libtorch_is_an_exception_and_does_not_end_the_process()
    {
        using var loaded = zeros(1);

        Assert.Throws<NullReferenceException>(() => Length(null!));

        static int Length(string text) => text.Length;
    }
}
