using TransformerTorch.Checkpoints;
using TransformerTorch.Generation;
using TransformerTorch.Generation.Batching;
using TransformerTorch.Models;
using TransformerTorch.Tests.Support;
using static TransformerTorch.Tests.Generation.Batching.BatchEngineTests;

namespace TransformerTorch.Tests.Generation.Batching;

/// <summary>
/// Texts that begin alike and come at the same moment. Truth: what <see cref="TokenGenerator"/> gives each prompt alone, and that no
/// beginning is read twice.
/// </summary>
public sealed class PrefixTests
{
    private static readonly GenerationOptions _greedy = new() { Temperature = 0, MaxNewTokens = 6, EndTokens = [] };

    [Theory]
    [InlineData("bloom", 200)]
    [InlineData("llama", 40)]
    [InlineData("mistral-sliding-window", 40)]
    [InlineData("gemma3-v4", 40)]
    public async Task A_beginning_of_many_is_read_once_by_the_first(string fixture, int length)
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model(fixture));
        var beginning = Prompts(model, length)[0];
        int[][] prompts = [.. Enumerable.Range(0, 8).Select(i => (int[])[.. beginning, 4 + i, 5, 6, 7, 8])];
        var alone = prompts.Select(p => new TokenGenerator(model).Generate([p], _greedy)[0]).ToArray();

        await using var engine = new BatchEngine(model, new BatchOptions { PageSize = 4, PrefillTokens = 16 });
        var together = await Together(engine, prompts);

        Assert.Equal(alone, together);
        Assert.Equal((length + (8 * 5), 7 * length), (engine.Statistics.PromptTokens, engine.Statistics.HeldTokens));
    }

    [Fact]
    public async Task Texts_of_one_prompt_read_it_once_but_for_the_end_whose_scores_each_needs()
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("bloom"));
        var prompt = Prompts(model, 205)[0];
        await using var engine = new BatchEngine(model, new BatchOptions { PageSize = 4, PrefillTokens = 64, MaxSequences = 3 });
        var together = await Together(engine, [.. Enumerable.Repeat(prompt, 8)]);

        var alone = new TokenGenerator(model).Generate([prompt], _greedy)[0];
        Assert.All(together, text => Assert.Equal(alone, text));
        Assert.Equal((205 + 7, 7 * 204), (engine.Statistics.PromptTokens, engine.Statistics.HeldTokens));
    }

    [Fact]
    public async Task Where_the_first_is_cancelled_the_next_goes_on_and_others_were_not_held_up()
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("llama"));
        var prompts = Prompts(model, 3, 41, 5);
        var alone = prompts.Select(p => new TokenGenerator(model).Generate([p], _greedy)[0]).ToArray();
        await using var engine = new BatchEngine(model, new BatchOptions { PageSize = 4, PrefillTokens = 8 });
        using var cancel = new CancellationTokenSource();
        using var gate = new Gate();

        var held = engine.Stream(Request(prompts[0]) with { Constraint = gate }).ToListAsync();
        await gate.Reached();
        var first = engine.Stream(Request(prompts[1]), cancel.Token).ToListAsync();
        var next = engine.Stream(Request(prompts[1])).ToListAsync();
        var other = engine.Stream(Request(prompts[2])).ToListAsync();
        gate.Pass();
        await gate.Reached();
        Assert.Equal((3, 1), (engine.Statistics.Running, engine.Statistics.Waiting));
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await first);
        gate.Pass(_greedy.MaxNewTokens!.Value);

        Assert.Equal(alone[1], (await next).Select(t => t.Id));
        Assert.Equal(alone[2], (await other).Select(t => t.Id));
        Assert.Equal(alone[0], (await held).Select(t => t.Id));
        await engine.Drain();
        Assert.Equal((0, engine.Statistics.Pages), (engine.Statistics.Waiting, engine.Statistics.FreePages));
    }

    [Theory]
    [InlineData("gpt2", 40)]
    [InlineData("gemma3-v4", 64)]
    public async Task Where_pages_are_few_and_texts_are_preempted_all_come(string fixture, int room)
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model(fixture));
        var beginnings = Prompts(model, 9, 6);
        int[][] prompts = [.. Enumerable.Range(0, 8).Select(i => (int[])[.. beginnings[i % 2], 4 + i, 5])];
        var options = _greedy with { MaxNewTokens = 25 };
        var alone = prompts.Select(p => new TokenGenerator(model).Generate([p], options)[0]).ToArray();

        await using var engine = new BatchEngine(model, new BatchOptions { PageSize = 2, PrefillTokens = 3, CachedTokens = room });
        var together = await Together(engine, prompts, options);

        Assert.Equal(alone, together);
        await engine.Drain();
        Assert.True(engine.Statistics.Preemptions > 0);
        Assert.Equal((0, engine.Statistics.Pages), (engine.Statistics.Waiting, engine.Statistics.FreePages));
    }

    /// <summary>Allows everything; stops the engine at each token until it may pass.</summary>
    private sealed class Gate : ITokenConstraint, IDisposable
    {
        private readonly SemaphoreSlim _reached = new(0), _passes = new(0);

        public Task Reached() => _reached.WaitAsync();

        public void Pass(int times = 1) => _passes.Release(times);

        public void Apply(Span<float> scores, IReadOnlyList<int> endTokens, int left)
        {
            _reached.Release();
            _passes.Wait(TimeSpan.FromSeconds(30)); // the engine ends even where the test fails
        }

        public bool Accept(int token) => false;

        public void Dispose()
        {
            _reached.Dispose();
            _passes.Dispose();
        }
    }

    private static BatchRequest Request(int[] prompt) => new() { Prompt = prompt, Options = _greedy };

    private static async Task<int[][]> Together(BatchEngine engine, int[][] prompts, GenerationOptions? options = null)
    {
        var texts = prompts.Select(p => engine.Stream(Request(p) with { Options = options ?? _greedy }).ToListAsync().AsTask());
        return [.. (await Task.WhenAll(texts.ToArray())).Select(text => text.Select(t => t.Id).ToArray())];
    }
}
