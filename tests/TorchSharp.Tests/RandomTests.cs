using static TorchSharp.torch;

namespace TorchSharp.Tests;

/// <summary>The numbers are PyTorch's own for these seeds.</summary>
[Collection("global random state")]
public sealed class RandomTests
{
    private static void Close(double[] expected, Tensor actual) =>
        Assert.All(expected.Zip(actual.flatten().data<float>()), pair => Assert.Equal(pair.First, pair.Second, 4));

    [Fact]
    public void A_generator_gives_PyTorchs_numbers()
    {
        using var generator = new Generator(0);
        Close([0.4963, 0.7682, 0.0885], rand(3, generator: generator));
        generator.manual_seed(0);
        Close([1.5410, -0.2934, -2.1788], randn(3, generator: generator));
        Assert.Equal(0L, generator.initial_seed());
    }

    [Fact]
    public void A_state_taken_and_given_back_repeats_the_numbers()
    {
        using var generator = new Generator(7);
        using var state = generator.get_state();
        using var first = rand(5, generator: generator);
        generator.set_state(state);
        Assert.True(first.Equals(rand(5, generator: generator)));
        Assert.Equal(ScalarType.Byte, state.dtype);
    }

    [Fact]
    public void Layers_start_from_PyTorchs_numbers()
    {
        manual_seed(0);
        using var linear = nn.Linear(2, 2);
        Close([-0.0053, 0.3793, -0.5820, -0.5204], linear.weight);
        Close([-0.2723, 0.1896], linear.bias!);
        manual_seed(0);
        using var embedding = nn.Embedding(1, 3);
        Close([1.5410, -0.2934, -2.1788], embedding.weight!);
    }

    [Fact]
    public void Whole_numbers_stay_in_their_range()
    {
        using var generator = new Generator(3);
        using var t = randint(2, 5, new long[] { 200 }, generator: generator);
        Assert.Equal(ScalarType.Int64, t.dtype);
        Assert.Equal([2L, 3, 4], t.data<long>().Distinct().Order());
        Assert.Equal(Enumerable.Range(0, 10).Select(i => (long)i), randperm(10, generator: generator).data<long>().Order());
    }

    [Fact]
    public void Choices_follow_their_weights()
    {
        using var generator = new Generator(3);
        using var drawn = tensor(new float[] { 0, 1, 0 }).multinomial(5, replacement: true, generator: generator);
        Assert.Equal([1L, 1, 1, 1, 1], drawn.data<long>().ToArray());
    }

    [Fact]
    public void Initialisers_fill_as_they_say()
    {
        manual_seed(1);
        using var t = empty(200, 100);
        nn.init.normal_(t, 1, 0.5);
        Assert.InRange(t.mean().item<float>(), 0.98, 1.02);
        Assert.InRange(t.std().item<float>(), 0.49, 0.51);
        nn.init.xavier_uniform_(t);
        Assert.InRange(t.abs().max().item<float>(), 0.13, Math.Sqrt(6.0 / 300) + 1e-6);
        nn.init.kaiming_normal_(t, nonlinearity: nn.init.NonlinearityType.ReLU);
        Assert.InRange(t.std().item<float>(), 0.139, 0.144);
        nn.init.constant_(t, 2);
        Assert.Equal(2f, t.min().item<float>());
        Assert.Equal((100L, 200L), nn.init.CalculateFanInAndFanOut(t));
    }
}
