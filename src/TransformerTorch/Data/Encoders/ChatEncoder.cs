using System.Text.Json.Nodes;
using TransformerTorch.Text;
using TransformerTorch.Text.Templates;

namespace TransformerTorch.Data.Encoders;

/// <summary>Which tokens of a chat are learnt.</summary>
public enum ChatTargets
{
    /// <summary>All that the assistant says.</summary>
    Assistant,

    /// <summary>The assistant's last turn.</summary>
    LastTurn,

    /// <summary>Everything.</summary>
    All,
}

/// <summary>
/// Chats as their template writes them, or a prompt and its completion; labels stand where tokens are learnt, -100 elsewhere.
/// </summary>
public sealed class ChatEncoder(TrainedTokenizer tokenizer, int length) : IExampleEncoder
{
    /// <summary>The template of ChatML, for tokenizers that have none.</summary>
    public const string ChatMl =
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}" +
        "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}" +
        "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}" +
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

    /// <summary>The field of the chat: a list of objects with <c>role</c> and <c>content</c>.</summary>
    public string Messages { get; init; } = "messages";

    /// <summary>The fields of prompt and completion, for records without a chat.</summary>
    public (string Prompt, string Completion) Fields { get; init; } = ("prompt", "completion");

    /// <summary>Which tokens are learnt.</summary>
    public ChatTargets Targets { get; init; }

    /// <summary>A template; null: the tokenizer's own.</summary>
    public string? Template { get; init; }

    /// <inheritdoc/>
    public string Identity => $"chat/1 {tokenizer.Identity} {tokenizer.EndMark} {length} {Messages} {Fields} {Targets} {Template}";

    /// <inheritdoc/>
    public IReadOnlyList<string> Columns => [Batch.Names.InputIds, Batch.Names.Labels];

    /// <inheritdoc/>
    public IEnumerable<Example> Encode(Document document)
    {
        var (ids, learnt) = document.Has(Messages) ? Chat(document) : Completion(document);
        var count = Math.Min(ids.Length, length);
        int[] labels = [.. Enumerable.Range(0, count).Select(i => i > 0 && learnt[i] ? ids[i] : -100)];
        if (labels.All(label => label == -100))
            throw new RecordException($"has nothing to learn within its first {length} of {ids.Length} tokens: raise data.sequence_len");
        yield return new(new Dictionary<string, int[]> { [Batch.Names.InputIds] = ids[..count], [Batch.Names.Labels] = labels });
    }

    private (int[] Ids, bool[] Learnt) Completion(Document document)
    {
        if (!document.Has(Fields.Prompt))
            throw new RecordException($"has neither '{Messages}' nor '{Fields.Prompt}' and '{Fields.Completion}'");
        var prompt = tokenizer.Encode(document.TextOf(Fields.Prompt));
        int[] ids = [.. prompt, .. tokenizer.Encode(document.TextOf(Fields.Completion)), tokenizer.EndMark];
        return (ids, [.. ids.Select((_, i) => Targets == ChatTargets.All || i >= prompt.Length)]);
    }

    private (int[] Ids, bool[] Learnt) Chat(Document document)
    {
        if (document.Node(Messages) is not JsonArray { Count: > 0 } messages)
            throw Document.Wrong(Messages, "a list of messages", document.Node(Messages));
        foreach (var message in messages)
            if (message is not JsonObject || message["role"] is not JsonValue)
                throw Document.Wrong(Messages, "a list of objects with `role` and `content`", message);
        try
        {
            var chat = tokenizer.Tokenizer.ApplyChatTemplate((JsonArray)messages.DeepClone(), new() { Template = Template });
            if (Targets == ChatTargets.All) return (chat.Ids, [.. chat.Ids.Select(_ => true)]);
            var spans = chat.Chat.Generations.Count > 0 ? chat.Chat.Generations : Turns(messages, chat.Chat.Text);
            if (Targets == ChatTargets.LastTurn) spans = [.. spans.TakeLast(1)];
            return (chat.Ids, [.. chat.Encoding.Offsets.Select(at => spans.Any(s => at.Start < s.End.Value && at.End > s.Start.Value))]);
        }
        catch (ChatTemplateException e)
        {
            throw new RecordException($"cannot be written by the chat template: {e.Message}", e);
        }
    }

    // A template without {% generation %} marks: what each assistant turn adds to the chat before it, its opening left out.
    private List<Range> Turns(JsonArray messages, string whole)
    {
        var turns = new List<Range>();
        for (var i = 0; i < messages.Count; i++)
        {
            if (messages[i]!["role"]!.ToString() != "assistant") continue;
            var (before, after) = (Render(i, opened: true), Render(i + 1, opened: false));
            if (!after.StartsWith(before, StringComparison.Ordinal) || !whole.StartsWith(after.TrimEnd(), StringComparison.Ordinal))
                throw new RecordException("is written differently with later turns: mark the assistant's part of the template with " +
                    "{% generation %} and {% endgeneration %}, or learn everything (train_on: all)");
            turns.Add(before.Length..after.Length);
        }
        return turns;

        string Render(int count, bool opened) => tokenizer.Tokenizer.ApplyChatTemplate(
            new JsonArray([.. messages.Take(count).Select(m => m!.DeepClone())]),
            new() { Template = Template, AddGenerationPrompt = opened }).Chat.Text;
    }
}
