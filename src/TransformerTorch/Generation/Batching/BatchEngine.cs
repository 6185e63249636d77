using System.Collections.Concurrent;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Generation.Batching;

/// <summary>
/// Continues any number of texts with one model: all that are under way take a step together, a new one joins at the next step, one that
/// ends or is cancelled leaves and gives its pages back (Yu et al., 2022, "iteration-level scheduling"). One thread of its own does the
/// computing; any threads may ask. What a text becomes does not depend on what else is under way.
/// </summary>
/// <remarks>
/// A text takes pages as it grows, since nobody knows how long it becomes. Where none is left the youngest is preempted: it waits before
/// all others and its keys and values are computed again, its tokens staying as they are (Kwon et al., 2023, "recomputation").
/// </remarks>
public sealed class BatchEngine : IAsyncDisposable
{
    private readonly CausalLanguageModel _model;
    private readonly BatchOptions _options;
    private readonly PagedCache _cache;
    private readonly PagePool _pool;
    private readonly BatchPass _pass;
    private readonly List<Sequence> _running = []; // in the order in which they began
    private readonly LinkedList<Sequence> _waiting = [];
    private readonly ConcurrentQueue<Sequence> _arrived = [];
    private readonly SemaphoreSlim _wake = new(0);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _queued; // arrived or waiting
    private volatile bool _draining, _stopping;
    private long _newTokens, _heldTokens, _preemptions;

    /// <summary>An engine over a model, which it puts into evaluation mode and which outlives it.</summary>
    /// <exception cref="ArgumentException">
    /// The options cannot be followed, or the model embeds texts but does not continue them.
    /// </exception>
    public BatchEngine(CausalLanguageModel model, BatchOptions? options = null)
    {
        (_model, _options) = (TokenGenerator.Generating(model), (options ?? new BatchOptions()).Validated());
        model.eval();
        var context = model.Config.ContextLength;
        var tokens = _options.CachedTokens > 0 ? _options.CachedTokens : Math.Max(Math.Min(8L * context, 65_536), 8192);
        var (size, step) = (_options.PageSize, _options.PrefillTokens);
        int[] windows = [.. BatchPass.Windows(model)], groups = [.. windows.Distinct()];
        int[] pages = [.. groups.Select(window => Math.Min((tokens + size - 1) / size, MostPages(window))).Select(count => (int)count)];
        _cache = new PagedCache([.. windows.Select(window => Array.IndexOf(groups, window))], pages, size);
        _pool = new PagePool([.. groups.Zip(pages, (window, count) => new PageTable(count, size, window, step))], size);
        _pass = new BatchPass(model, _cache, step);
        new Thread(Run) { IsBackground = true, Name = $"{nameof(BatchEngine)} {model.Config.ModelType}" }.Start();

        long MostPages(int window) => window == 0 ? int.MaxValue : (long)_options.MaxSequences * PageTable.Most(size, window, step);
    }

    /// <summary>The most tokens that a text may have, its prompt included: for longer ones there is no room even alone.</summary>
    public int Longest => _pool.Longest;

    /// <summary>What it does just now.</summary>
    public BatchStatistics Statistics { get; private set; } = new(0, 0, 0, 0, 0, 0, 0, 0, 0);

    /// <summary>
    /// Continues a prompt, yielding tokens as they come. Leaving the enumeration cancels the request, as the token does; its pages are free
    /// at the next step.
    /// </summary>
    /// <exception cref="ArgumentException">The request cannot be followed: see <see cref="TokenGenerator"/>.</exception>
    /// <exception cref="EngineBusyException">Too many are waiting, when the first token is asked for.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public IAsyncEnumerable<GeneratedToken> Stream(BatchRequest request, CancellationToken cancellation = default)
    {
        var sink = new ChannelSink<GeneratedToken>((token, write) =>
        {
            write(token);
            return false;
        });
        return sink.Read(this, Prepare(request, sink), cancellation);
    }

    /// <summary>Takes no more requests; done when those it has are answered.</summary>
    public Task Drain()
    {
        lock (_arrived) _draining = true;
        _wake.Release();
        return _ended.Task;
    }

    /// <summary>Ends what is under way, with an <see cref="OperationCanceledException"/> for those who wait for it.</summary>
    public async ValueTask DisposeAsync()
    {
        _stopping = true;
        await Drain().ConfigureAwait(false);
    }

    /// <summary>A request that can be followed; it does not begin before it is submitted.</summary>
    internal Sequence Prepare(BatchRequest request, ITokenSink sink)
    {
        ObjectDisposedException.ThrowIf(_draining, this);
        var keys = _options.SharePrefixes && _pass.CanShare ? new PageKeys(_options.PageSize) : null;
        var sequence = new Sequence(_model, request, sink, keys);
        if (sequence.Most > Longest)
            throw new ArgumentException($"a text of up to {sequence.Most} tokens, the engine has room for {Longest}");
        return sequence;
    }

    /// <summary>Queues a request.</summary>
    internal void Submit(Sequence sequence)
    {
        lock (_arrived)
        {
            ObjectDisposedException.ThrowIf(_draining, this);
            if (_queued >= _options.MaxWaiting + Math.Max(0, _options.MaxSequences - Statistics.Running))
                throw new EngineBusyException(_queued);
            Interlocked.Increment(ref _queued);
            _arrived.Enqueue(sequence);
        }
        _wake.Release();
    }

    private void Run()
    {
        using var grad = inference_mode();
        while (true)
        {
            while (_arrived.TryDequeue(out var arrival)) _waiting.AddLast(arrival);
            if (_stopping) EndAll(new OperationCanceledException("the engine is stopped"));
            Leave();
            Join();
            Report();
            if (_running.Count > 0) Step();
            else if (_draining && _arrived.IsEmpty && _waiting.Count == 0) break;
            else if (_arrived.IsEmpty) _wake.Wait();
        }
        _cache.Dispose();
        _ended.SetResult();
    }

    private void Step()
    {
        using var scope = NewDisposeScope();
        try
        {
            foreach (var (sequence, likeliest, scores) in _pass.Run(WithRoom(_pass.Parts(_running)))) Choose(sequence, likeliest, scores);
        }
        catch (Exception e)
        {
            EndAll(e); // whose fault it was is not known
        }
    }

    // The oldest is never preempted, since alone it has room: so all come to their end.
    private List<(Sequence Of, int Count)> WithRoom(IReadOnlyList<(Sequence Of, int Count)> parts)
    {
        foreach (var (sequence, count) in parts)
            while (_running.Contains(sequence) && !sequence.TryReach(count)) Preempt(_running[^1]);
        return [.. parts.Where(p => _running.Contains(p.Of))];
    }

    private void Preempt(Sequence sequence)
    {
        _running.Remove(sequence);
        sequence.Release();
        _waiting.AddFirst(sequence);
        _preemptions++;
        Report(); // before it counts as queued, or one too many would seem to be here
        Interlocked.Increment(ref _queued);
    }

    private void Choose(Sequence sequence, int? likeliest, Tensor scores)
    {
        try
        {
            _newTokens++;
            if (sequence.Accept(likeliest ?? sequence.Choose(scores), scores)) Remove(sequence);
        }
        catch (Exception e)
        {
            Remove(sequence, e);
        }
    }

    private void Leave()
    {
        foreach (var sequence in _running.Where(s => s.IsCancelled).ToList()) Remove(sequence);
        for (var node = _waiting.First; node is not null;)
        {
            var next = node.Next;
            if (node.Value.IsCancelled || node.Value.IsEmpty) Dequeue(node).End();
            node = next;
        }
    }

    // First come, first served: a long text waits for room, and those behind it with it. One whose beginning another is computing keeps
    // its place until it finds it, while those behind it may begin.
    private void Join()
    {
        var (node, kept) = (_waiting.First, 0);
        while (node is not null && _running.Count + kept < _options.MaxSequences)
        {
            var (current, sequence) = (node, node.Value);
            node = node.Next;
            if (sequence.Awaits(_pool, _running))
            {
                kept++;
                continue;
            }
            var isNew = sequence.Held is null;
            if (!sequence.TryBegin(_pool, _running.Count + kept)) break;
            if (isNew) _heldTokens += sequence.Computed; // else its own, computed before it was preempted
            _running.Add(Dequeue(current));
        }
    }

    private Sequence Dequeue(LinkedListNode<Sequence> node)
    {
        _waiting.Remove(node);
        Interlocked.Decrement(ref _queued);
        return node.Value;
    }

    // Who is told that a text has ended finds its pages given back.
    private void Remove(Sequence sequence, Exception? error = null)
    {
        _running.Remove(sequence);
        sequence.Release();
        Report();
        sequence.End(error);
    }

    private void EndAll(Exception error)
    {
        foreach (var sequence in _running) sequence.End(error);
        _running.Clear();
        if (!_stopping) return;
        while (_waiting.First is { } node) Dequeue(node).End(error);
    }

    private void Report() => Statistics = new(_running.Count, _waiting.Count, _pool.Available, _pool.Count, _pass.Steps,
        _pass.PromptTokens, _heldTokens, _newTokens, _preemptions);
}
