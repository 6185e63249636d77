namespace TransformerTorch.AI;

/// <summary>A model that is loaded, or will be: clients wait for it.</summary>
public sealed class ModelSource : IAsyncDisposable
{
    private readonly Func<CancellationToken, Task<ServedModel>> _load;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private Task<ServedModel>? _loading;
    private bool _disposed;

    /// <summary>One that is loaded when it is first wanted, or when the application starts.</summary>
    public ModelSource(ModelOptions options) => (Options, _load) = (options, cancellation => ServedModel.LoadAsync(options, cancellation));

    /// <summary>One that is loaded already, and its own from now on.</summary>
    public ModelSource(ServedModel model)
        => (Options, _load, _loading) = (model.Options, _ => Task.FromResult(model), Task.FromResult(model));

    /// <summary>How it is loaded.</summary>
    public ModelOptions Options { get; }

    /// <summary>The model, if it is ready.</summary>
    public ServedModel? Ready => _loading is { IsCompletedSuccessfully: true } done ? done.Result : null;

    /// <summary>Why it could not be loaded; null: it could, or is being.</summary>
    public Exception? Failure => _loading?.Exception?.InnerException;

    /// <summary>The model; loading goes on though this caller gives up. What failed is tried again.</summary>
    /// <exception cref="Checkpoints.CheckpointException">It cannot be loaded.</exception>
    public Task<ServedModel> GetAsync(CancellationToken cancellation = default)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_loading is null or { IsFaulted: true } or { IsCanceled: true }) _loading = _load(_stop.Token);
            return _loading.WaitAsync(cancellation);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
        }
        await _stop.CancelAsync().ConfigureAwait(false);
        try
        {
            if (_loading is not null) await (await _loading.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception) when (_loading is not { IsCompletedSuccessfully: true })
        {
            // it was never there
        }
        _stop.Dispose();
    }
}
