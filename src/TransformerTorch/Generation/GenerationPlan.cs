using TransformerTorch.Models;

namespace TransformerTorch.Generation;

/// <summary>Options as they come out for a model and its prompts.</summary>
internal sealed record GenerationPlan
{
    public required GenerationOptions Options { get; init; }

    public required PromptBatch Prompts { get; init; }

    /// <summary>What the decoder beside an encoder begins with; null: there is no encoder.</summary>
    public required int? StartToken { get; init; }

    /// <summary>At most so many new tokens.</summary>
    public required int NewTokens { get; init; }

    /// <summary>No end token before so many.</summary>
    public required int LeastNewTokens { get; init; }

    public required IReadOnlyList<int> EndTokens { get; init; }

    /// <summary>The length of a text when nothing is generated yet.</summary>
    public int Width => StartToken is null ? Prompts.Width : 1;

    /// <summary>Texts that are carried on for each prompt.</summary>
    public int Copies => Math.Max(Options.Beams, Options.Returned);

    /// <summary>The texts of all rows when nothing is generated yet.</summary>
    public List<int>[] Texts()
        => [.. Enumerable.Range(0, Prompts.Count * Copies)
            .Select(row => StartToken is { } start ? [start] : Prompts.Seen[row / Copies].ToList())];

    /// <exception cref="ArgumentException">
    /// A prompt is empty or too long or not of the vocabulary, or the options contradict it.
    /// </exception>
    public static GenerationPlan For(LanguageModel model, PromptBatch prompts, GenerationOptions options)
    {
        var config = model.Config;
        int? start = config.Encoder is null ? null : options.DecoderStartToken ?? config.DecoderStartToken ?? config.BeginToken
            ?? throw new ArgumentException("decoder_start_token_id is missing: the decoder has nothing to begin with");
        var width = start is null ? prompts.Width : 1;
        Check(prompts, config, start is not null);
        Check(options, config.Main.Embeddings.VocabularySize);
        if (options.Validated() is { MaxNewTokens: null, MaxLength: { } most } && most <= width)
            throw new ArgumentException($"max_length is {most}, but the text has {width} tokens before any is generated");
        var wanted = options.MaxNewTokens ?? (options.MaxLength is { } length ? length - width : 128);
        return new GenerationPlan
        {
            Options = options, Prompts = prompts, StartToken = start, NewTokens = Math.Min(wanted, config.ContextLength - width),
            LeastNewTokens = Math.Max(options.MinNewTokens, options.MinLength - width), EndTokens = options.EndTokens ?? config.EndTokens,
        };
    }

    private static void Check(PromptBatch prompts, ModelConfig config, bool encoded)
    {
        var (context, vocabulary) = (config.ContextLength, (config.Encoder ?? config.Main).Embeddings.VocabularySize);
        for (var row = 0; row < prompts.Count; row++)
            if (!prompts.Mask.AsSpan(row * prompts.Width, prompts.Width).Contains(1))
                throw new ArgumentException("a prompt is empty: begin with a token, such as the model's beginning of text");
        if (encoded ? prompts.Width > context : prompts.Width >= context)
            throw new ArgumentException($"a prompt of {prompts.Width} tokens leaves no room in the model's context of {context}");
        InVocabulary("a prompt", prompts.Ids, vocabulary);
    }

    private static void Check(GenerationOptions options, int vocabulary)
    {
        Names("forced_bos_token_id", options.ForcedBeginToken is { } begin ? [begin] : []);
        Names("forced_eos_token_id", options.ForcedEndTokens);
        Names("suppress_tokens", options.SuppressTokens);
        Names("begin_suppress_tokens", options.BeginSuppressTokens);
        Names("bad_words_ids", options.BadWords.SelectMany(w => w));
        Names("sequence_bias", options.SequenceBias.SelectMany(b => b.Ids));
        Names("decoder_start_token_id", options.DecoderStartToken is { } start ? [start] : []);

        void Names(string option, IEnumerable<int> ids) => InVocabulary(option, ids.Select(id => (long)id), vocabulary);
    }

    private static void InVocabulary(string what, IEnumerable<long> ids, int vocabulary)
    {
        foreach (var id in ids)
            if (id < 0 || id >= vocabulary) throw new ArgumentException($"{what} names {id}, outside the vocabulary of {vocabulary}");
    }
}
