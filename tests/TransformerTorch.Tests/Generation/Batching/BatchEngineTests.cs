using TransformerTorch.Checkpoints;
using TransformerTorch.Generation;
using TransformerTorch.Generation.Batching;
using TransformerTorch.Models;
using TransformerTorch.Tests.Support;

namespace TransformerTorch.Tests.Generation.Batching;

/// <summary>Truth: what <see cref="TokenGenerator"/>, itself held to the reference, gives each prompt alone.</summary>
public sealed class BatchEngineTests
{
    private static readonly GenerationOptions _greedy = new() { Temperature = 0, MaxNewTokens = 12, EndTokens = [] };

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama")]
    [InlineData("bloom")]
    [InlineData("opt")]
    [InlineData("mistral-sliding-window")]
    [InlineData("gemma2-caps")]
    [InlineData("gemma3-v4")]
    [InlineData("mixtral")]
    [InlineData("phi3-v4")]
    [InlineData("llama-dynamic-beyond")]
    public async Task Texts_continued_together_become_what_each_becomes_alone(string fixture)
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model(fixture));
        var prompts = Prompts(model, 3, 17, 1, 9, 24);
        var alone = prompts.Select(p => new TokenGenerator(model).Generate([p], _greedy)[0]).ToArray();

        await using var engine = new BatchEngine(model, new BatchOptions { MaxSequences = 3, PrefillTokens = 10, PageSize = 4 });
        var together = await Task.WhenAll(prompts.Select(p => Ids(engine, p, _greedy)));

        Assert.Equal(alone, together);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_seed_draws_the_same_text_alone_and_beside_others(bool rules)
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("gpt2"));
        var prompts = Prompts(model, 5, 8, 2, 11);
        var options = prompts.Select((_, i) => _greedy with
        {
            Temperature = 0.8, TopK = 20, TopP = 0.9, Seed = 7 + i, RepetitionPenalty = rules ? 1.3 : 1, NoRepeatNgramSize = rules ? 3 : 0,
        }).ToArray();
        var alone = prompts.Select((p, i) => new TokenGenerator(model).Generate([p], options[i])[0]).ToArray();

        await using var engine = new BatchEngine(model);
        var together = await Task.WhenAll(prompts.Select((p, i) => Ids(engine, p, options[i])));

        Assert.Equal(alone, together);
    }

    [Fact]
    public async Task A_beginning_that_was_read_is_not_read_again_and_changes_nothing()
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("llama"));
        var prompt = Prompts(model, 23)[0];
        int[] longer = [.. prompt, 5, 6, 7];
        var alone = new TokenGenerator(model).Generate([longer], _greedy)[0];

        await using var engine = new BatchEngine(model, new BatchOptions { PageSize = 4 });
        var first = await engine.Stream(new BatchRequest { Prompt = prompt, Options = _greedy }).ToListAsync();
        var before = engine.Statistics;
        var after = await engine.Stream(new BatchRequest { Prompt = longer, Options = _greedy }).ToListAsync();

        Assert.Equal(alone, after.Select(t => t.Id));
        Assert.All(first, t => Assert.Equal(0, t.HeldTokens));
        Assert.All(after, t => Assert.Equal(20, t.HeldTokens));
        Assert.Equal(20, engine.Statistics.HeldTokens - before.HeldTokens);
        Assert.Equal(longer.Length - 20, engine.Statistics.PromptTokens - before.PromptTokens);
    }

    [Fact]
    public async Task Who_is_cancelled_or_leaves_gives_the_pages_back_and_disturbs_nobody()
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("gpt2"));
        var prompts = Prompts(model, 6, 7);
        var options = _greedy with { MaxNewTokens = 20 };
        var alone = new TokenGenerator(model).Generate([prompts[1]], options)[0];

        await using var engine = new BatchEngine(model, new BatchOptions { PageSize = 4 });
        using var cancel = new CancellationTokenSource();
        var other = Ids(engine, prompts[1], options);
        var seen = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var token in engine.Stream(new BatchRequest { Prompt = prompts[0], Options = options }, cancel.Token))
                if (++seen == 3) await cancel.CancelAsync();
        });
        await foreach (var token in engine.Stream(new BatchRequest { Prompt = prompts[0], Options = options })) break;

        Assert.Equal(alone, await other);
        await engine.Drain();
        Assert.Equal(engine.Statistics.Pages, engine.Statistics.FreePages);
        Assert.Equal(0, engine.Statistics.Running);
    }

    [Fact]
    public async Task A_full_queue_refuses_and_a_drained_engine_too()
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("gpt2"));
        var prompt = Prompts(model, 4)[0];
        await using var engine = new BatchEngine(model, new BatchOptions { MaxSequences = 1, MaxWaiting = 2 });

        var texts = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Attempt()));

        Assert.InRange(texts.Count(t => t is null), 1, 18);
        var answered = texts.OfType<int[]>().ToList();
        Assert.All(answered, t => Assert.Equal(answered[0], t));
        await engine.Drain();
        Assert.Throws<ObjectDisposedException>(() => engine.Stream(new BatchRequest { Prompt = prompt, Options = _greedy }));

        async Task<int[]?> Attempt()
        {
            try
            {
                return await Ids(engine, prompt, _greedy with { MaxNewTokens = 25 });
            }
            catch (EngineBusyException)
            {
                return null;
            }
        }
    }

    [Fact]
    public async Task Few_pages_make_texts_wait_but_all_come()
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("gpt2"));
        var prompts = Prompts(model, 3, 9, 5, 12, 7, 4);
        var alone = prompts.Select(p => new TokenGenerator(model).Generate([p], _greedy)[0]).ToArray();

        await using var engine = new BatchEngine(model, new BatchOptions { PageSize = 4, CachedTokens = 28 });
        var together = await Task.WhenAll(prompts.Select(p => Ids(engine, p, _greedy)));

        Assert.Equal(alone, together);
        var tooLong = new BatchRequest { Prompt = prompts[3], Options = _greedy with { MaxNewTokens = 18 } };
        var error = Assert.Throws<ArgumentException>(() => engine.Stream(tooLong));
        Assert.Equal("a text of up to 30 tokens, the engine has room for 28", error.Message);
    }

    [Fact]
    public async Task A_text_whose_every_layer_has_a_window_needs_no_more_pages_than_that_sees()
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("mistral-sliding-window"));
        var window = model.Config.Main.Blocks.Max(b => b.Attention.Window);
        var prompts = Prompts(model, 24, 5);
        var options = _greedy with { MaxNewTokens = 20 };
        var alone = prompts.Select(p => new TokenGenerator(model).Generate([p], options)[0]).ToArray();

        var room = 2 * 2 * ((window + 6 + 1) / 2);
        Assert.InRange(room / 2, window + 6, 24 + 20 - 1);
        await using var engine = new BatchEngine(model, new BatchOptions { PageSize = 2, PrefillTokens = 6, CachedTokens = room });
        var together = await Task.WhenAll(prompts.Select(p => Ids(engine, p, options)));

        Assert.Equal(alone, together);
    }

    [Theory]
    [InlineData("gemma2-caps", 4)]
    [InlineData("gemma3-v4", 4)]
    public async Task Layers_with_a_window_beside_others_hold_no_more_pages_than_it_sees_and_beginnings_are_shared(
        string fixture, int window)
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model(fixture));
        Assert.Equal([0, window], model.Config.Main.Blocks.Select(b => b.Attention.Window).Distinct().Order());
        var prompts = Prompts(model, 24, 5, 17);
        prompts = [.. prompts, [.. prompts[0], 5, 6, 7]];
        var options = _greedy with { MaxNewTokens = 20 };
        var alone = prompts.Select(p => new TokenGenerator(model).Generate([p], options)[0]).ToArray();

        const int size = 2, step = 6, texts = 2;
        await using var engine = new BatchEngine(
            model, new BatchOptions { PageSize = size, PrefillTokens = step, MaxSequences = texts, CachedTokens = 120 });
        var together = await Task.WhenAll(prompts.Take(3).Select(p => Ids(engine, p, options)));
        var longer = await Ids(engine, prompts[3], options);

        Assert.Equal(alone, [.. together, longer]);
        Assert.Equal((120 / size) + (texts * PageTable.Most(size, window, step)), engine.Statistics.Pages);
        Assert.Equal(engine.Statistics.Pages, engine.Statistics.FreePages);
    }

    [Fact]
    public async Task A_beginning_is_shared_where_layers_with_a_window_still_hold_its_end()
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("gemma3-v4"));
        var prompt = Prompts(model, 23)[0];
        int[] longer = [.. prompt, 5, 6, 7];
        var alone = new TokenGenerator(model).Generate([longer], _greedy)[0];

        await using var engine = new BatchEngine(model, new BatchOptions { PageSize = 4 });
        await Ids(engine, prompt, _greedy with { MaxNewTokens = 1 });
        var after = await Ids(engine, longer, _greedy);

        Assert.Equal(alone, after);
        Assert.Equal(20, engine.Statistics.HeldTokens);
    }

    [Fact]
    public async Task Probabilities_are_those_of_the_models_scores()
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("gpt2"));
        var prompt = Prompts(model, 6)[0];
        await using var engine = new BatchEngine(model);
        var request = new BatchRequest { Prompt = prompt, Options = _greedy with { MaxNewTokens = 1 }, LogProbabilities = 3 };

        var token = await engine.Stream(request).SingleAsync();

        using var scope = TorchSharp.torch.NewDisposeScope();
        var ids = TorchSharp.torch.tensor(prompt.Select(i => (long)i).ToArray()).unsqueeze(0);
        var logs = model.Logits(model.Hidden(ids)).select(1, prompt.Length - 1).log_softmax(-1);
        Assert.Equal(logs.max().item<float>(), token.LogProbability!.Value, 1e-4);
        Assert.Equal(token.Id, token.Likeliest[0].Id);
        Assert.Equal(3, token.Likeliest.Count);
        Assert.True(token.Likeliest[0].LogProbability >= token.Likeliest[1].LogProbability);
    }

    private sealed class Only(int token) : ITokenConstraint
    {
        public void Apply(Span<float> scores, IReadOnlyList<int> endTokens, int left)
        {
            for (var i = 0; i < scores.Length; i++)
                if (i != token) scores[i] = float.NegativeInfinity;
        }

        public bool Accept(int id) => id != token;
    }

    [Fact]
    public async Task A_constraint_decides_what_may_follow_in_its_own_text_alone()
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("gpt2"));
        var prompts = Prompts(model, 6, 5);
        var alone = new TokenGenerator(model).Generate([prompts[1]], _greedy)[0];
        await using var engine = new BatchEngine(model);

        var free = Ids(engine, prompts[1], _greedy);
        var bound = engine.Stream(new BatchRequest { Prompt = prompts[0], Options = _greedy, Constraint = new Only(11) });

        Assert.All(await bound.ToListAsync(), t => Assert.Equal(11, t.Id));
        Assert.Equal(alone, await free);
    }

    [Fact]
    public async Task A_constraint_comes_before_options_that_leave_nothing_of_what_it_allows()
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("gpt2"));
        var prompt = Prompts(model, 6)[0];
        await using var engine = new BatchEngine(model);
        GenerationOptions[] options =
        [
            _greedy with { NoRepeatNgramSize = 1 }, _greedy with { SuppressTokens = [11] }, _greedy with { BadWords = [[11]] },
            _greedy with { ForcedEndTokens = [12] }, _greedy with { SequenceBias = [([11], double.NegativeInfinity)] },
        ];
        foreach (var each in options)
        {
            var bound = engine.Stream(new BatchRequest { Prompt = prompt, Options = each, Constraint = new Only(11) });
            Assert.All(await bound.ToListAsync(), t => Assert.Equal(11, t.Id));
        }
    }

    private static Task<int[]> Ids(BatchEngine engine, int[] prompt, GenerationOptions options)
    {
        var tokens = engine.Stream(new BatchRequest { Prompt = prompt, Options = options });
        return Collect();

        async Task<int[]> Collect() => [.. (await tokens.ToListAsync()).Select(t => t.Id)];
    }

    internal static int[][] Prompts(LanguageModel model, params int[] lengths)
    {
        var random = new Random(3);
        return [.. lengths.Select(n => Enumerable.Range(0, n).Select(_ => random.Next(4, (int)model.HeadWeight.shape[0])).ToArray())];
    }
}
