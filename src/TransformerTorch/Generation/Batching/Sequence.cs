using System.Runtime.InteropServices;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Generation.Batching;

/// <summary>A request on its way: its text so far, its pages, and how its next token is chosen.</summary>
internal sealed class Sequence : IDisposable
{
    private readonly BatchRequest _request;
    private readonly GenerationPlan _plan;
    private readonly ScoreRules _rules;
    private readonly Generator? _random;
    private readonly ITokenSink _sink;
    private readonly PageKeys? _keys;
    private TextPages? _pages;
    private volatile bool _cancelled;
    private int _ended;

    /// <param name="model">continues it</param>
    /// <param name="request">what is asked for</param>
    /// <param name="sink">takes its tokens</param>
    /// <param name="keys">its own; null: it shares nothing</param>
    /// <exception cref="ArgumentException">The request cannot be followed.</exception>
    public Sequence(LanguageModel model, BatchRequest request, ITokenSink sink, PageKeys? keys)
    {
        if (request.Options is { Beams: > 1 } or { Returned: > 1 })
            throw new ArgumentException("beams and several texts of one prompt are not generated in a shared batch: ask for one at a time");
        if (request.LogProbabilities is < 0)
            throw new ArgumentException($"{request.LogProbabilities} log probabilities, expected 0 or more");
        (_request, _sink, _keys) = (request, sink, keys);
        _plan = GenerationPlan.For(model, PromptBatch.ToContinue([request.Prompt]), request.Options);
        (_rules, Text) = (new ScoreRules(_plan), _plan.Texts()[0]);
        _random = request.Options.Seed is { } seed ? new Generator((ulong)seed, model.Backbone.TokenWeight.device) : null;
    }

    /// <summary>The prompt and what is generated.</summary>
    public List<int> Text { get; }

    /// <summary>Tokens whose keys and values are in the pages.</summary>
    public int Computed { get; private set; }

    /// <summary>Tokens of the prompt that were held already when it first began; what is its own, it never counts.</summary>
    public int? Held { get; private set; }

    /// <summary>Tokens to compute before the next can be chosen.</summary>
    public int Pending => Text.Count - Computed;

    public bool IsCancelled => _cancelled;

    public bool IsEmpty => _plan.NewTokens == 0;

    /// <summary>The most tokens it can come to.</summary>
    public int Most => _request.Prompt.Count + _plan.NewTokens;

    public int New => Text.Count - _request.Prompt.Count;

    public IReadOnlyList<IReadOnlyList<int>> Pages => _pages!.Pages;

    /// <summary>Whether its next token is simply the likeliest.</summary>
    public bool IsGreedy => _request is { Constraint: null, LogProbabilities: null, Options.Temperature: 0 } && _rules.AreNone;

    /// <summary>It is not wanted any more; any thread may say so.</summary>
    public void Cancel() => _cancelled = true;

    /// <summary>Whether one of those under way is about to compute the first page that it lacks.</summary>
    public bool Awaits(PagePool pool, IEnumerable<Sequence> running)
    {
        var own = _keys?.Beginning(Text) ?? [];
        var held = pool.Held(own).Count;
        return held < own.Count && running.Any(other => other.IsToCompute(held, own[held]));
    }

    private bool IsToCompute(int page, UInt128 key)
        => Computed < (page + 1) * _keys!.PageSize && _keys.Full(Text) is var own && page < own.Count && own[page] == key;

    /// <summary>Claims room for its text so far, if there is enough beside so many others.</summary>
    public bool TryBegin(PagePool pool, int others)
    {
        _pages = pool.TryLease(Text, _keys, others);
        if (_pages is null) return false;
        Computed = _pages.Held;
        Held ??= Computed;
        return true;
    }

    /// <summary>Takes pages for so many more tokens, if there are enough.</summary>
    public bool TryReach(int count) => _pages!.TryReach(Computed + count);

    /// <summary>So many more tokens were computed.</summary>
    public void Advance(int count)
    {
        Computed += count;
        _pages!.Advance(Text, Computed);
    }

    /// <summary>Chooses from the scores (1, V).</summary>
    public int Choose(Tensor scores)
    {
        using var scope = NewDisposeScope();
        var allowed = _rules.Apply(scores, [Text], New);
        if (_request.Constraint is { } constraint) // it comes first: rules that leave nothing of what it allows are passed over
            allowed = Within(constraint, allowed) ?? Within(constraint, scores) ?? allowed;
        return DecodingSession.ToInts(Sampler.Next(allowed, _plan.Options, _random))[0];
    }

    /// <summary>Scores of what a constraint allows; null: they leave nothing of it.</summary>
    private Tensor? Within(ITokenConstraint constraint, Tensor scores)
    {
        var allowed = scores.cpu().clone();
        var values = MemoryMarshal.Cast<byte, float>(allowed.bytes);
        constraint.Apply(values, _plan.EndTokens, _plan.NewTokens - New);
        return values.ContainsAnyExcept(float.NegativeInfinity) ? allowed.to(scores.device) : null;
    }

    /// <summary>Takes the next token, given the scores (1, V) that it came from; true where the text ends with it.</summary>
    public bool Accept(int token, Tensor scores)
    {
        var ends = _plan.EndTokens.Contains(token);
        var (own, likeliest) = _request.LogProbabilities is { } count ? Probabilities(token, scores, count) : (null, []);
        Text.Add(token);
        ends = ends || _request.Constraint?.Accept(token) == true;
        FinishReason? finish = ends ? FinishReason.Stop : New == _plan.NewTokens ? FinishReason.Length : null;
        return _sink.Accept(new GeneratedToken(token, finish, own, likeliest) { HeldTokens = Held!.Value }) || finish is not null;
    }

    /// <summary>Gives its pages back: what they held is to be computed again, should it go on.</summary>
    public void Release()
    {
        _pages?.Dispose();
        (_pages, Computed) = (null, 0);
    }

    /// <summary>Gives its pages back and tells who waits for it.</summary>
    public void End(Exception? error = null)
    {
        if (Interlocked.Exchange(ref _ended, 1) == 1) return;
        Release();
        _sink.Complete(error);
        Dispose();
    }

    public void Dispose() => _random?.Dispose();

    private static (float?, IReadOnlyList<TokenProbability>) Probabilities(int token, Tensor scores, int count)
    {
        using var scope = NewDisposeScope();
        var logs = scores.log_softmax(-1);
        var own = logs[0, token].item<float>();
        if (count == 0) return (own, []);
        var (values, ids) = logs.topk((int)Math.Min(count, logs.shape[1]));
        var (most, which) = (values.cpu().data<float>().ToArray(), DecodingSession.ToInts(ids));
        return (own, [.. which.Zip(most, (id, log) => new TokenProbability(id, log))]);
    }
}
