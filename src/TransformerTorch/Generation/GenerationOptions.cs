namespace TransformerTorch.Generation;

/// <summary>When beam search for a prompt ends, if not at the most new tokens. The names are ours, the meanings the reference's.</summary>
public enum EarlyStopping
{
    /// <summary>When the best unfinished text, as long as it is now, ranks below all finished ones (<c>false</c>).</summary>
    Unlikely,

    /// <summary>As soon as there are as many finished texts as beams (<c>true</c>).</summary>
    Full,

    /// <summary>When no unfinished text can rank above a finished one, however long it gets (<c>"never"</c>).</summary>
    Impossible,
}

/// <summary>
/// How to continue a text. Names and meanings are those of a published <c>generation_config.json</c>. Lengths of texts count the prompt
/// of a decoder, padded to its batch, and the start token of a decoder beside an encoder.
/// </summary>
public sealed partial record GenerationOptions
{
    /// <summary>At most so many tokens; null: as <see cref="MaxLength"/> says, else 128.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>The longest text, where <see cref="MaxNewTokens"/> says nothing; null: no such limit.</summary>
    public int? MaxLength { get; init; }

    /// <summary>No end token before so many new ones.</summary>
    public int MinNewTokens { get; init; }

    /// <summary>No end token in a text shorter than this.</summary>
    public int MinLength { get; init; }

    /// <summary>Divides the logits; 0 takes the likeliest token always.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Only the likeliest so many; 0: all.</summary>
    public int TopK { get; init; }

    /// <summary>Only the fewest likeliest that together have this probability; 1: all.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Only those with at least this share of the likeliest's probability; 0: all.</summary>
    public double MinP { get; init; }

    /// <summary>Only those nearest to the expected surprise that together have this probability (Meister et al., 2023); 1: all.</summary>
    public double TypicalP { get; init; } = 1;

    /// <summary>Makes tokens that stand in the text already less likely where over 1 (Keskar et al., 2019).</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Makes tokens of the prompt, or of the text that an encoder read, more likely where over 1.</summary>
    public double EncoderRepetitionPenalty { get; init; } = 1;

    /// <summary>Taken off the score of a token for each time that it was generated (OpenAI's meaning).</summary>
    public double FrequencyPenalty { get; init; }

    /// <summary>Taken off the score of every token that was generated (OpenAI's meaning).</summary>
    public double PresencePenalty { get; init; }

    /// <summary>No so many tokens in a row stand in the text twice; 0: they may.</summary>
    public int NoRepeatNgramSize { get; init; }

    /// <summary>Nor any that stand in the prompt, or in the text that an encoder read; 0: they may.</summary>
    public int EncoderNoRepeatNgramSize { get; init; }

    /// <summary>Sequences that do not come about. An end token alone is passed over.</summary>
    public IReadOnlyList<IReadOnlyList<int>> BadWords { get; init; } = [];

    /// <summary>Added to the score of what completes a sequence.</summary>
    public IReadOnlyList<(IReadOnlyList<int> Ids, double Bias)> SequenceBias { get; init; } = [];

    /// <summary>Tokens that do not come.</summary>
    public IReadOnlyList<int> SuppressTokens { get; init; } = [];

    /// <summary>Tokens that do not come first.</summary>
    public IReadOnlyList<int> BeginSuppressTokens { get; init; } = [];

    /// <summary>What comes first where the text is a single token; null: anything.</summary>
    public int? ForcedBeginToken { get; init; }

    /// <summary>One of these comes last where the text reaches its most tokens; none: anything.</summary>
    public IReadOnlyList<int> ForcedEndTokens { get; init; } = [];

    /// <summary>After so many new tokens the scores of end tokens grow by this factor's powers; null: not.</summary>
    public (int Start, double Factor)? EndDecay { get; init; }

    /// <summary>Whether scores that are no numbers are replaced.</summary>
    public bool RemoveInvalid { get; init; }

    /// <summary>Whether beams' scores are log probabilities again after all changes to them.</summary>
    public bool Renormalize { get; init; }

    /// <summary>Tokens that end the text; null: those of the model's configuration.</summary>
    public IReadOnlyList<int>? EndTokens { get; init; }

    /// <summary>What a decoder beside an encoder begins with; null: as the model's configuration says.</summary>
    public int? DecoderStartToken { get; init; }

    /// <summary>Texts that end the text and do not belong to it; generators and pipelines of texts look for them.</summary>
    public IReadOnlyList<string> StopTexts { get; init; } = [];

    /// <summary>Draws the same tokens every time; null: from torch's default generator.</summary>
    public long? Seed { get; init; }

    /// <summary>Over 1: beam search over so many, which draws nothing; <see cref="WithBeams"/> leaves out what only draws need.</summary>
    public int Beams { get; init; } = 1;

    /// <summary>Beams are ranked by log probability over length to this power.</summary>
    public double LengthPenalty { get; init; } = 1;

    /// <summary>When beam search ends.</summary>
    public EarlyStopping EarlyStopping { get; init; }

    /// <summary>How many texts for each prompt: the best beams, or as many draws.</summary>
    public int Returned { get; init; } = 1;

    /// <summary>The likeliest text, searched with so many beams: these options without what only draws need.</summary>
    public GenerationOptions WithBeams(int beams)
        => this with { Beams = beams, Temperature = 0, TopK = 0, TopP = 1, MinP = 0, TypicalP = 1, Seed = null };

    /// <summary>These options, if they can be followed.</summary>
    /// <exception cref="ArgumentException">A value is out of its range or contradicts another.</exception>
    public GenerationOptions Validated()
    {
        Require(MaxNewTokens is null or >= 0, $"max_new_tokens is {MaxNewTokens}, expected 0 or more");
        Require(MinNewTokens >= 0, $"min_new_tokens is {MinNewTokens}, expected 0 or more");
        Require(MinNewTokens <= (MaxNewTokens ?? int.MaxValue), $"min_new_tokens is {MinNewTokens}, over max_new_tokens {MaxNewTokens}");
        Require(Temperature >= 0 && double.IsFinite(Temperature), $"temperature is {Temperature}, expected 0 or more");
        Require(TopK >= 0, $"top_k is {TopK}, expected 0 (all) or more");
        Require(TopP is > 0 and <= 1, $"top_p is {TopP}, expected over 0 and at most 1");
        Require(MinP is >= 0 and <= 1, $"min_p is {MinP}, expected 0 to 1");
        Require(TypicalP is > 0 and <= 1, $"typical_p is {TypicalP}, expected over 0 and at most 1");
        Require(RepetitionPenalty > 0, $"repetition_penalty is {RepetitionPenalty}, expected over 0");
        Require(EncoderRepetitionPenalty > 0, $"encoder_repetition_penalty is {EncoderRepetitionPenalty}, expected over 0");
        Require(FrequencyPenalty is >= -2 and <= 2, $"frequency_penalty is {FrequencyPenalty}, expected -2 to 2");
        Require(PresencePenalty is >= -2 and <= 2, $"presence_penalty is {PresencePenalty}, expected -2 to 2");
        Require(NoRepeatNgramSize >= 0, $"no_repeat_ngram_size is {NoRepeatNgramSize}, expected 0 (none) or more");
        Require(EncoderNoRepeatNgramSize >= 0, $"encoder_no_repeat_ngram_size is {EncoderNoRepeatNgramSize}, expected 0 (none) or more");
        Require(BadWords.All(w => w.Count > 0), "a sequence of bad_words_ids is empty");
        Require(SequenceBias.All(b => b.Ids.Count > 0), "a sequence of sequence_bias is empty");
        Require(ForcedBeginToken is not { } begin || !SuppressTokens.Contains(begin),
            $"forced_bos_token_id is {ForcedBeginToken}, which suppress_tokens forbids");
        Require(ForcedEndTokens.Count == 0 || ForcedEndTokens.Except(SuppressTokens).Any(),
            $"forced_eos_token_id is {string.Join(", ", ForcedEndTokens)}, which suppress_tokens forbids");
        Require(!StopTexts.Contains(""), "a stop text is empty");
        Require(Beams >= 1, $"num_beams is {Beams}, expected 1 or more");
        Require(Returned >= 1, $"num_return_sequences is {Returned}, expected 1 or more");
        Require(Beams == 1 || Returned <= Beams, $"num_return_sequences is {Returned}, over num_beams {Beams}");
        Require(Beams > 1 || Returned == 1 || Temperature > 0, $"num_return_sequences is {Returned}, but the likeliest text is one");
        Require(Beams == 1 || Drawn() is null, $"num_beams is {Beams}, which draws nothing, but {Drawn()}: leave out one of the two");
        return this;
    }

    // What was certainly set in order to draw; a temperature of 1 is also what stands where nothing was said.
    private string? Drawn() => this switch
    {
        { Temperature: not (0 or 1) } => $"temperature is {Temperature}",
        { TopK: > 0 } => $"top_k is {TopK}",
        { TopP: < 1 } => $"top_p is {TopP}",
        { MinP: > 0 } => $"min_p is {MinP}",
        { TypicalP: < 1 } => $"typical_p is {TypicalP}",
        { Seed: not null } => $"seed is {Seed}",
        _ => null,
    };

    private static void Require(bool condition, string message)
    {
        if (!condition) throw new ArgumentException(message);
    }
}
