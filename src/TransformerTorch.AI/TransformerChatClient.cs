using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using TransformerTorch.Generation;

namespace TransformerTorch.AI;

/// <summary>A decoder as a chat client. Safe for any number of callers; what is under way shares the model's steps.</summary>
/// <param name="source">the model, which stays its owner's</param>
public sealed class TransformerChatClient(ModelSource source) : IChatClient
{
    private ChatWriter? _writer;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The request cannot be followed.</exception>
    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var updates = Updates([.. messages], options, streams: false, cancellationToken);
        return await updates.ToChatResponseAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The request cannot be followed.</exception>
    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return Updates([.. messages], options, streams: true, cancellationToken);
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null) return null;
        if (serviceType == typeof(ChatClientMetadata))
            return new ChatClientMetadata(Telemetry.Provider, null, source.Ready?.Name ?? source.Options.Model);
        return serviceType.IsInstanceOfType(this) ? this : serviceType.IsInstanceOfType(source.Ready) ? source.Ready
            : serviceType == typeof(ModelSource) ? source : null;
    }

    /// <summary>Nothing: the model is its owner's.</summary>
    public void Dispose()
    {
    }

    private async IAsyncEnumerable<ChatResponseUpdate> Updates(
        IReadOnlyList<ChatMessage> messages, ChatOptions? options, bool streams,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        var model = await source.GetAsync(cancellation).ConfigureAwait(false);
        var writer = _writer ??= new ChatWriter(model);
        using var operation = Telemetry.Begin("chat", model.Name);
        var id = $"chatcmpl-{Guid.NewGuid():N}";
        operation.Set("gen_ai.response.id", id);
        await using var pieces = Watched(operation, () => writer
            .Chat(Query(operation, messages, options, streams, model.Defaults), cancellation)).GetAsyncEnumerator(cancellation);
        while (await Next(operation, pieces).ConfigureAwait(false))
        {
            var piece = pieces.Current;
            if (piece.Token is not null) operation.Token();
            if (piece.Thought.Length > 0 && options?.Reasoning?.Output != ReasoningOutput.None)
                yield return Update(new TextReasoningContent(piece.Thought));
            if (piece.Text.Length > 0) yield return Update(new TextContent(piece.Text));
            if (piece.Finish is not { } finish) continue;
            foreach (var (call, name, arguments) in piece.ToolCalls)
                yield return Update(new FunctionCallContent(call, name, arguments.ToDictionary(a => a.Key, a => (object?)a.Value)));
            var reason = finish == ChatFinish.Length ? ChatFinishReason.Length
                : finish == ChatFinish.ToolCalls ? ChatFinishReason.ToolCalls : ChatFinishReason.Stop;
            operation.Done(piece.InputTokens, piece.OutputTokens, [reason.Value], piece.CachedInputTokens, piece.ThoughtTokens);
            var last = Update(new UsageContent(new UsageDetails
            {
                InputTokenCount = piece.InputTokens, CachedInputTokenCount = piece.CachedInputTokens,
                OutputTokenCount = piece.OutputTokens, ReasoningTokenCount = piece.ThoughtTokens,
                TotalTokenCount = piece.InputTokens + piece.OutputTokens,
            }));
            last.FinishReason = reason;
            yield return last;
        }

        // No ConversationId: it would say that the history is kept here, and callers would send it no more.
        ChatResponseUpdate Update(AIContent content) => new(ChatRole.Assistant, [content])
        {
            ResponseId = id, MessageId = id, ModelId = model.Name, CreatedAt = DateTimeOffset.UtcNow,
        };
    }

    private ChatQuery Query(Telemetry.Operation operation, IReadOnlyList<ChatMessage> messages, ChatOptions? options, bool streams,
        GenerationOptions defaults)
    {
        var query = ChatMessages.Query(this, messages, options, defaults);
        operation.Request(query.Options, streams: streams, json: options?.ResponseFormat is ChatResponseFormatJson);
        operation.Set("gen_ai.conversation.id", options?.ConversationId);
        return query;
    }

    private static T Watched<T>(Telemetry.Operation operation, Func<T> begin)
    {
        try
        {
            return begin();
        }
        catch (Exception e)
        {
            operation.Fail(e);
            throw;
        }
    }

    private static async ValueTask<bool> Next(Telemetry.Operation operation, IAsyncEnumerator<ChatPiece> pieces)
    {
        try
        {
            return await pieces.MoveNextAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            operation.Fail(e);
            throw;
        }
    }
}
