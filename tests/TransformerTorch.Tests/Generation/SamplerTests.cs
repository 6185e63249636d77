using TransformerTorch.Generation;
using TransformerTorch.Tests.Models;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Generation;

/// <summary>What each sampling step leaves, worked out by hand.</summary>
public class SamplerTests
{
    private const float Out = float.NegativeInfinity;

    private static readonly float[] s_probabilities = [0.15f, 0.5f, 0.1f, 0.25f];

    private static Tensor Scores() => tensor(s_probabilities).log().unsqueeze(0);

    [Theory]
    [InlineData(1, new[] { false, true, false, false })]
    [InlineData(3, new[] { true, true, false, true })]
    [InlineData(0, new[] { true, true, true, true })]
    [InlineData(9, new[] { true, true, true, true })]
    public void Top_k_leaves_the_k_likeliest(int k, bool[] left) => Check(s => RowSampler.TopK(s, k), left);

    [Theory]
    [InlineData(0.01, new[] { false, true, false, false })]
    [InlineData(0.6, new[] { false, true, false, true })]
    [InlineData(0.8, new[] { true, true, false, true })]
    [InlineData(1.0, new[] { true, true, true, true })]
    public void Top_p_leaves_the_fewest_that_reach_p(double p, bool[] left) => Check(s => RowSampler.TopP(s, p), left);

    // Surprises are 1.90, 0.69, 2.30, 1.39 nats and 1.21 is expected: nearest is the fourth, then the second, the first, the third.
    [Theory]
    [InlineData(0.2, new[] { false, false, false, true })]
    [InlineData(0.6, new[] { false, true, false, true })]
    [InlineData(0.8, new[] { true, true, false, true })]
    [InlineData(1.0, new[] { true, true, true, true })]
    public void Typical_p_leaves_the_nearest_to_the_expected_surprise_that_reach_p(double p, bool[] left)
        => Check(s => RowSampler.TypicalP(s, p), left);

    [Theory]
    [InlineData(0.0, new[] { true, true, true, true })]
    [InlineData(0.25, new[] { true, true, false, true })]
    [InlineData(0.9, new[] { false, true, false, false })]
    public void Min_p_leaves_what_reaches_its_share_of_the_likeliest(double share, bool[] left)
        => Check(s => RowSampler.MinP(s, share), left);

    // Truth: the same by sorting, at the size of a vocabulary, with scores of any spread, equal ones and some already left out.
    [Theory]
    [InlineData(0.01, 0)]
    [InlineData(1, 0)]
    [InlineData(30, 0)]
    [InlineData(3, -100)]
    public void What_is_left_of_a_vocabulary_is_what_sorting_leaves(float spread, float around)
    {
        var random = new Random(3);
        float[] scores = [.. Enumerable.Range(0, 30_000).Select(_ => random.Next(50) == 0 ? Out
            : random.Next(10) == 0 ? 0.5f * spread : (float)(random.NextDouble() - 0.5) * spread + around)];
        var most = scores.Max();
        var powers = scores.Select(x => Math.Exp(x - most)).ToArray();
        var (order, whole) = (Enumerable.Range(0, scores.Length).OrderByDescending(i => scores[i]).ToArray(), powers.Sum());
        foreach (var p in new[] { 0.001, 0.3, 0.9, 0.999 })
        {
            var (reached, count) = (0.0, 0);
            while (reached < p) reached += powers[order[count++]] / whole;
            float[] filtered = [.. scores];
            RowSampler.TopP(filtered, p);
            Assert.InRange(filtered.Count(x => x > Out), 0.9995 * count - 1, 1.0005 * count + 1); // sums of floats
            Assert.True(filtered.Where(x => x > Out).Min() >= scores[order[Math.Min(count + 1 + count / 2000, order.Length - 1)]]);
        }
        foreach (var k in new[] { 1, 50, 20_000 })
        {
            float[] filtered = [.. scores];
            RowSampler.TopK(filtered, k);
            Assert.Equal(scores.Select(x => x >= scores[order[k - 1]] ? x : Out), filtered);
        }
    }

    [Fact]
    public void A_number_draws_the_token_whose_share_it_falls_into()
    {
        var random = new Random(5);
        float[] scores = [.. Enumerable.Range(0, 5000).Select(i => i % 7 == 0 ? Out : (float)random.NextDouble() * 4)];
        var powers = scores.Select(x => Math.Exp(x)).ToArray();
        var (whole, sum) = (powers.Sum(), 0.0);
        for (var i = 0; i < powers.Length; sum += powers[i++])
            if (i % 7 != 0) Assert.Equal(i, RowSampler.Draw(scores, (sum + (powers[i] / 2)) / whole));
        Assert.Equal(1, RowSampler.Draw(scores, 0));
        Assert.Equal(4999, RowSampler.Draw(scores, Math.BitDecrement(1.0)));
        Assert.Equal(-1, RowSampler.Draw([Out, Out], 0.5));
        Assert.Equal(-1, RowSampler.Draw([1, float.NaN], 0.5));
    }

    [Fact]
    public void Repetition_divides_positive_and_multiplies_negative_scores_of_seen_tokens_once()
    {
        using var scope = NewDisposeScope();
        var scores = tensor(new[] { 2f, -1f, 3f, -4f, 1f, 1f, 1f, -2f }).view(2, 4);
        var penalised = Sampler.PenalizeRepetition(scores, [[0, 1, 0], [3]], penalty: 2);
        Assert.Equal([1f, -2f, 3f, -4f, 1f, 1f, 1f, -4f], penalised.data<float>().ToArray());
    }

    [Fact]
    public void Draws_follow_the_probabilities_and_the_temperature()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var scores = Scores().expand(20000, 4);
        var drawn = Sampler.Next(scores, new GenerationOptions { Temperature = 0.5, TopK = 3 });
        // Squared and normalised over the three likeliest: 0.25, 0.0625, 0.0225 over 0.335.
        Assert.Equal(0.746, drawn.eq(1).to(ScalarType.Float32).mean().item<float>(), 0.02);
        Assert.Equal(0.187, drawn.eq(3).to(ScalarType.Float32).mean().item<float>(), 0.02);
        Assert.Equal(0, drawn.eq(2).sum().item<long>());
    }

    [Theory]
    [InlineData(1e-40, 1.0)]
    [InlineData(1.0, 1e-46)]
    [InlineData(1e-40, 1e-46)]
    public void What_floats_cannot_hold_leaves_the_likeliest(double temperature, double p)
    {
        using var scope = NewDisposeScope();
        var drawn = Sampler.Next(Scores(), new GenerationOptions { Temperature = temperature, TopP = p });
        Assert.Equal(1, drawn.item<long>());
    }

    [Fact]
    public void Penalties_count_a_token_each_time_and_once_whatever_their_signs()
    {
        using var scope = NewDisposeScope();
        using var model = ModelContractTests.Build("gpt2");
        var options = new GenerationOptions { FrequencyPenalty = 1, PresencePenalty = -1 };
        var rules = new ScoreRules(GenerationPlan.For(model, PromptBatch.ToContinue([[1, 2]]), options));
        var scores = rules.Apply(zeros(1, model.Config.Main.Embeddings.VocabularySize), [[1, 2, 5, 6, 5, 5]], generated: 4);
        Assert.Equal([0, 0, 0, -2, 0], scores[0].data<float>().ToArray()[2..7]);
    }

    [Fact]
    public void A_seed_draws_the_same_ids_again_and_another_seed_others()
    {
        using var model = ModelContractTests.Build("gpt2");
        var generator = new TokenGenerator(model);
        int[] Draw(long seed) => [.. generator.Stream([1, 2, 3], new GenerationOptions { Seed = seed, MaxNewTokens = 20 })];
        Assert.Equal(Draw(5), Draw(5));
        Assert.NotEqual(Draw(5), Draw(6));
    }

    [Fact]
    public void A_text_ends_at_its_end_token_its_limit_or_the_models_context()
    {
        using var model = ModelContractTests.Build("gpt2");
        var generator = new TokenGenerator(model);
        var greedy = new GenerationOptions { Temperature = 0, MaxNewTokens = 8 };
        var free = generator.Stream([1, 2, 3], greedy).ToArray();
        Assert.Equal(8, free.Length);
        var end = free[4];
        Assert.Equal(free[..(Array.IndexOf(free, end) + 1)], generator.Stream([1, 2, 3], greedy with { EndTokens = [end] }));
        Assert.Equal(32 - 3, generator.Stream([1, 2, 3], greedy with { MaxNewTokens = 1000 }).Count());
        Assert.Empty(generator.Stream([1, 2, 3], greedy with { MaxNewTokens = 0 }));
        var error = Assert.Throws<ArgumentException>(() => generator.Stream(new int[32], greedy).Count());
        Assert.Contains("32", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => generator.Stream([61], greedy).Count());
        Assert.Throws<ArgumentException>(() => generator.Stream([], greedy).Count());
    }

    [Fact]
    public void Generation_stops_between_tokens_when_cancelled_and_leaves_no_tensor_and_the_mode_as_it_was()
    {
        using var model = ModelContractTests.Build("llama");
        model.train();
        var generator = new TokenGenerator(model);
        Assert.Equal(2, generator.Stream([1], new GenerationOptions { MaxNewTokens = 2 }).Count());
        var before = TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var options = new GenerationOptions { TopK = 5, TopP = 0.9, MinP = 0.1, RepetitionPenalty = 1.2 };
        using var source = new CancellationTokenSource();
        var seen = 0;
        Assert.Throws<OperationCanceledException>(() =>
        {
            foreach (var _ in generator.Stream([1, 2], options, source.Token))
                if (++seen == 3) source.Cancel();
        });
        Assert.Equal(3, seen);
        Assert.True(model.training);
        Assert.Equal(6, generator.Stream([1, 2], new GenerationOptions { Beams = 3, MaxNewTokens = 6 }).Count());
        Assert.Equal(before, TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Options_out_of_range_are_named()
    {
        Refused(new GenerationOptions { TopP = 0 }, "top_p is 0, expected over 0 and at most 1");
        Refused(new GenerationOptions { Temperature = -1 }, "temperature is -1, expected 0 or more");
        Refused(new GenerationOptions { MinNewTokens = 5, MaxNewTokens = 4 }, "min_new_tokens is 5, over max_new_tokens 4");
        Refused(new GenerationOptions { Beams = 2, Returned = 3 }, "num_return_sequences is 3, over num_beams 2");
        Refused(new GenerationOptions { Temperature = 0, Returned = 2 }, "num_return_sequences is 2, but the likeliest text is one");
        Refused(new GenerationOptions { ForcedBeginToken = 3, SuppressTokens = [3] },
            "forced_bos_token_id is 3, which suppress_tokens forbids");
        Refused(new GenerationOptions { ForcedEndTokens = [1, 2], SuppressTokens = [2, 1] },
            "forced_eos_token_id is 1, 2, which suppress_tokens forbids");
        new GenerationOptions { ForcedEndTokens = [1, 2], SuppressTokens = [2] }.Validated();
        NotDrawn(new GenerationOptions { Beams = 4, Temperature = 0.7 }, "temperature is 0.7");
        NotDrawn(new GenerationOptions { Beams = 4, TopK = 5 }, "top_k is 5");
        NotDrawn(new GenerationOptions { Beams = 4, TopP = 0.9 }, "top_p is 0.9");
        NotDrawn(new GenerationOptions { Beams = 4, MinP = 0.1 }, "min_p is 0.1");
        NotDrawn(new GenerationOptions { Beams = 4, TypicalP = 0.2 }, "typical_p is 0.2");
        NotDrawn(new GenerationOptions { Beams = 4, Seed = 0 }, "seed is 0");
        new GenerationOptions { Temperature = 0.7, TopK = 5, TopP = 0.9, MinP = 0.1, TypicalP = 0.2, Seed = 0 }.WithBeams(4).Validated();
        static void NotDrawn(GenerationOptions options, string drawn)
            => Refused(options, $"num_beams is 4, which draws nothing, but {drawn}: leave out one of the two");
        static void Refused(GenerationOptions options, string message)
            => Assert.Equal(message, Assert.Throws<ArgumentException>(options.Validated).Message);
    }

    [Theory]
    [InlineData("suppress_tokens")]
    [InlineData("forced_eos_token_id")]
    [InlineData("bad_words_ids")]
    public void Tokens_that_the_model_does_not_have_are_named(string name)
    {
        using var model = ModelContractTests.Build("llama");
        var beyond = model.Config.Main.Embeddings.VocabularySize;
        var options = name switch
        {
            "suppress_tokens" => new GenerationOptions { SuppressTokens = [1, beyond] },
            "forced_eos_token_id" => new GenerationOptions { ForcedEndTokens = [beyond] },
            _ => new GenerationOptions { BadWords = [[1, beyond]] },
        };
        var error = Assert.Throws<ArgumentException>(() => new TokenGenerator(model).Stream([1], options).ToList());
        Assert.Equal($"{name} names {beyond}, outside the vocabulary of {beyond}", error.Message);
    }

    private delegate void Filter(Span<float> scores);

    private static void Check(Filter filter, bool[] left)
    {
        float[] scores = [.. s_probabilities.Select(p => MathF.Log(p))], filtered = [.. scores];
        filter(filtered);
        Assert.Equal(scores.Zip(left, (score, stays) => stays ? score : Out), filtered);
    }
}
