using System.Text.Json;
using TransformerTorch.Checkpoints;
using TransformerTorch.Generation;
using TransformerTorch.Generation.Batching;
using TransformerTorch.Generation.Grammars;
using TransformerTorch.Models;
using TransformerTorch.Tests.Support;
using TransformerTorch.Text;
using static TransformerTorch.Tests.Generation.Batching.BatchEngineTests;

namespace TransformerTorch.Tests.Generation.Batching;

/// <summary>
/// Texts that grow until there are no pages left. Truth: what <see cref="TokenGenerator"/> gives each prompt alone; with constraints, an
/// engine with room for all.
/// </summary>
public sealed class PreemptionTests
{
    /// <summary>So many tokens that a text alone nearly fills the pages, or the model's context.</summary>
    private static readonly GenerationOptions _greedy = new() { Temperature = 0, MaxNewTokens = 50, EndTokens = [] };

    [Theory]
    [InlineData("gpt2", true, 40)]
    [InlineData("gpt2", false, 40)]
    [InlineData("llama", true, 64)]
    [InlineData("mistral-sliding-window", true, 22)]
    [InlineData("mistral-sliding-window", false, 22)]
    [InlineData("gemma3-v4", true, 64)]
    [InlineData("gemma3-v4", false, 64)]
    public async Task Texts_without_a_limit_run_at_once_and_become_what_each_becomes_alone(string fixture, bool shared, int room)
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model(fixture));
        var prompts = Prompts(model, 3, 2, 3, 2, 9, 5);
        var alone = prompts.Select(p => new TokenGenerator(model).Generate([p], _greedy)[0]).ToArray();

        await using var engine = new BatchEngine(model, new BatchOptions
        {
            PageSize = 2, PrefillTokens = 6, CachedTokens = room, SharePrefixes = shared,
        });
        var (together, most, _) = await Continued(engine, prompts.Select(p => Request(p, _greedy)));

        Assert.Equal(alone, together);
        Assert.InRange(most, 4, prompts.Length);
        await AssertPreemptedAndEmpty(engine);
    }

    [Fact]
    public async Task What_a_text_finds_again_of_its_own_is_not_counted_as_held()
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("gpt2"));
        var options = _greedy with { MaxNewTokens = 8 };
        var prompts = Prompts(model, 3, 20);
        var alone = prompts.Select(p => new TokenGenerator(model).Generate([p], options)[0]).ToArray();

        // The second is preempted while its prompt is read, and has some of it again when the first has ended.
        await using var engine = new BatchEngine(model, new BatchOptions { PageSize = 2, PrefillTokens = 2, CachedTokens = 28 });
        var (together, _, _) = await Continued(engine, prompts.Select(p => Request(p, options)));

        Assert.Equal(alone, together);
        await AssertPreemptedAndEmpty(engine);
        Assert.Equal(0, engine.Statistics.HeldTokens);
    }

    [Theory]
    [InlineData("llama-dynamic-beyond")]
    [InlineData("phi3-v4")]
    public async Task Frequencies_that_depend_on_the_length_are_those_that_each_token_was_written_with(string fixture)
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model(fixture));
        var options = _greedy with { MaxNewTokens = 25 };
        var prompts = Prompts(model, 3, 7, 2);
        var alone = prompts.Select(p => new TokenGenerator(model).Generate([p], options)[0]).ToArray();

        await using var engine = new BatchEngine(model, new BatchOptions { PageSize = 2, CachedTokens = 34 });
        var (together, _, _) = await Continued(engine, prompts.Select(p => Request(p, options)));

        Assert.Equal(alone, together);
        await AssertPreemptedAndEmpty(engine);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_seed_draws_on_where_it_was(bool rules)
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("gpt2"));
        var prompts = Prompts(model, 5, 8, 2, 11);
        var options = prompts.Select((_, i) => _greedy with
        {
            Temperature = 0.8, TopK = 20, TopP = 0.9, Seed = 7 + i, RepetitionPenalty = rules ? 1.3 : 1,
            FrequencyPenalty = rules ? 0.2 : 0, NoRepeatNgramSize = rules ? 3 : 0,
        }).ToArray();
        var alone = prompts.Select((p, i) => new TokenGenerator(model).Generate([p], options[i])[0]).ToArray();

        await using var engine = new BatchEngine(model, new BatchOptions { PageSize = 4, CachedTokens = 40 });
        var (together, _, _) = await Continued(engine, prompts.Select((p, i) => Request(p, options[i])));

        Assert.Equal(alone, together);
        await AssertPreemptedAndEmpty(engine);
    }

    [Fact]
    public async Task A_schema_goes_on_where_it_was()
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("gpt2"));
        var tokenizer = Tokenizer.FromFile(Path.Combine(Fixtures.Root, "tokenizers", "gpt2", "tokenizer.json"));
        using var head = model.HeadWeight;
        var vocabulary = (int)head.shape[0]; // the model knows the first of the tokenizer's tokens
        var constraints = new JsonConstraints(() => new TokenTrie(tokenizer, vocabulary));
        var schema = JsonDocument.Parse("""{"type":"array","items":{"type":"integer"},"minItems":9}""").RootElement;
        var prompts = Prompts(model, 3, 2, 4, 3);

        await using var wide = new BatchEngine(model);
        var (alone, _, _) = await Continued(wide, Requests());
        await using var narrow = new BatchEngine(model, new BatchOptions { PageSize = 2, CachedTokens = 40 });
        var (together, _, _) = await Continued(narrow, Requests());

        Assert.Equal(0, wide.Statistics.Preemptions);
        Assert.Equal(alone, together);
        Assert.All(together, ids => Assert.True(JsonDocument.Parse(tokenizer.Decode(ids)).RootElement.GetArrayLength() >= 9));
        await AssertPreemptedAndEmpty(narrow);

        IEnumerable<BatchRequest> Requests() => prompts.Select((p, i) =>
            Request(p, _greedy with { Temperature = 1, Seed = 5 + i }) with { Constraint = constraints.Schema(schema) });
    }

    [Fact]
    public async Task Who_came_first_ends_first()
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("llama"));
        var prompts = Prompts(model, 4, 4, 4, 4, 4, 4, 4, 4);

        await using var engine = new BatchEngine(model, new BatchOptions { PageSize = 2, MaxSequences = 3, CachedTokens = 100 });
        var (_, _, ended) = await Continued(engine, prompts.Select(p => Request(p, _greedy)));

        Assert.Equal(Enumerable.Range(0, prompts.Length), ended);
        await AssertPreemptedAndEmpty(engine);
    }

    [Fact]
    public async Task Who_is_cancelled_while_preempted_leaves_and_disturbs_nobody()
    {
        using var model = ModelFolder.Load<CausalLanguageModel>(Fixtures.Model("gpt2"));
        var prompts = Prompts(model, 4, 3);
        var alone = new TokenGenerator(model).Generate([prompts[0]], _greedy)[0];

        await using var engine = new BatchEngine(model, new BatchOptions { PageSize = 2, CachedTokens = 40 });
        using var cancel = new CancellationTokenSource();
        using var preempted = new Preempted(engine);
        var first = engine.Stream(Request(prompts[0], _greedy) with { Constraint = preempted }).ToListAsync();
        var second = engine.Stream(Request(prompts[1], _greedy), cancel.Token).ToListAsync();
        preempted.GoOn();
        await preempted.Happened;
        Assert.Equal((1, 1), (engine.Statistics.Running, engine.Statistics.Waiting));
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await second);
        preempted.GoOn();

        Assert.Equal(alone, (await first).Select(t => t.Id));
        await AssertPreemptedAndEmpty(engine);
        Assert.Equal(1, engine.Statistics.Preemptions);
    }

    /// <summary>Allows everything; holds the engine up at its first token and when it has preempted a text.</summary>
    private sealed class Preempted(BatchEngine engine) : ITokenConstraint, IDisposable
    {
        private readonly TaskCompletionSource _happened = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly SemaphoreSlim _goOn = new(0);
        private bool _begun;

        public Task Happened => _happened.Task;

        public void GoOn() => _goOn.Release();

        public void Apply(Span<float> scores, IReadOnlyList<int> endTokens, int left)
        {
            if (!_begun || (engine.Statistics.Preemptions > 0 && _happened.TrySetResult())) _goOn.Wait();
            _begun = true;
        }

        public bool Accept(int token) => false;

        public void Dispose() => _goOn.Dispose();
    }

    private static BatchRequest Request(int[] prompt, GenerationOptions options) => new() { Prompt = prompt, Options = options };

    /// <summary>What all become, the most texts under way at once, and the order in which they ended.</summary>
    private static async Task<(int[][] Ids, int Most, List<int> Ended)> Continued(BatchEngine engine, IEnumerable<BatchRequest> requests)
    {
        var (most, ended) = (0, new List<int>()); // changed on the engine's thread alone
        using var all = new ManualResetEventSlim();
        var texts = requests.Select((request, i) =>
        {
            var sink = new ChannelSink<int>((token, write) =>
            {
                all.Wait(); // the first does not run ahead of those still to come
                write(token.Id);
                most = Math.Max(most, engine.Statistics.Running);
                if (token.Finish is not null) ended.Add(i);
                return false;
            });
            return sink.Read(engine, engine.Prepare(request, sink)).ToArrayAsync().AsTask();
        }).ToArray();
        all.Set();
        return (await Task.WhenAll(texts), most, ended);
    }

    private static async Task AssertPreemptedAndEmpty(BatchEngine engine)
    {
        await engine.Drain();
        Assert.True(engine.Statistics.Preemptions > 0);
        Assert.Equal((0, 0), (engine.Statistics.Running, engine.Statistics.Waiting));
        Assert.Equal(engine.Statistics.Pages, engine.Statistics.FreePages);
    }
}
