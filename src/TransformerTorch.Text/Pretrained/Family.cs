using TransformerTorch.Text.SentencePiece;

namespace TransformerTorch.Text.Pretrained;

/// <summary>
/// What a tokenizer class of Transformers takes for granted beside its files (huggingface/transformers, convert_slow_tokenizer.py and
/// models/*/tokenization_*.py).
/// </summary>
internal sealed record Family
{
    private static readonly (string, string)[] _sentencePieceTokens = [("bos", "<s>"), ("eos", "</s>"), ("unk", "<unk>")];

    private static readonly (string, string)[] _bartTokens =
        [.. _sentencePieceTokens, ("sep", "</s>"), ("cls", "<s>"), ("pad", "<pad>"), ("mask", "<mask>")];

    private static readonly (string, string)[] _albertTokens =
        [("unk", "<unk>"), ("sep", "[SEP]"), ("pad", "<pad>"), ("cls", "[CLS]"), ("mask", "[MASK]")];

    private static readonly (string, string)[] _bertTokens =
        [("unk", "[UNK]"), ("sep", "[SEP]"), ("pad", "[PAD]"), ("cls", "[CLS]"), ("mask", "[MASK]")];

    /// <summary>Special tokens where the files name none, by role.</summary>
    public IReadOnlyList<(string Role, string Token)> Tokens { get; init; } = [];

    /// <summary>The template for one text and for two; null: only what add_bos_token and add_eos_token say.</summary>
    public (string Single, string Pair)? Template { get; init; }

    /// <summary>Whether the beginning is marked where add_bos_token is not given.</summary>
    public bool AddBos { get; init; }

    /// <summary>How the ids differ from a sentencepiece model's own.</summary>
    public Func<IReadOnlyList<SentencePiece.SentencePiece>, IEnumerable<SentencePiece.SentencePiece>> Arrange { get; init; } =
        pieces => pieces;

    /// <summary>Sentinels &lt;extra_id_0&gt; ... that are added where extra_ids is not given.</summary>
    public int ExtraIds { get; init; }

    /// <summary>A vocab.json gives the sentencepiece model's pieces their ids.</summary>
    public bool IsNumbered { get; init; }

    /// <summary>Each text begins with its language's token.</summary>
    public bool HasLanguages { get; init; }

    /// <summary>Quotes, accents and case are rewritten before sentencepiece (do_lower_case, keep_accents).</summary>
    public bool CleansText { get; init; }

    /// <summary>The family of a class ("T5") or model type ("xlm-roberta"); null: an unknown one.</summary>
    /// <exception cref="TokenizerException">Its ids are known not to be the model's own, and not known otherwise.</exception>
    public static Family? Find(string name) => string.Concat(name.ToLowerInvariant().Where(char.IsAsciiLetterOrDigit)) switch
    {
        "bert" or "distilbert" or "electra" or "mobilebert" or "mpnet" or "funnel" or "layoutlm" or "lxmert" or "squeezebert"
            or "retribert" =>
            new Family { Tokens = _bertTokens, Template = ("cls $A sep", "cls $A sep $B:1 sep:1") },
        "gpt2" or "gptneo" or "gptj" =>
            new Family { Tokens = [("bos", "<|endoftext|>"), ("eos", "<|endoftext|>"), ("unk", "<|endoftext|>")] },
        "qwen2" => new Family { Tokens = [("eos", "<|endoftext|>"), ("unk", "<|endoftext|>"), ("pad", "<|endoftext|>")] },
        "roberta" or "bart" or "longformer" or "led" => new Family { Tokens = _bartTokens },
        "clip" => new Family
        {
            Tokens = [("bos", "<|startoftext|>"), ("eos", "<|endoftext|>"), ("unk", "<|endoftext|>"), ("pad", "<|endoftext|>")],
        },
        "t5" or "mt5" or "umt5" => new Family
        {
            Tokens = [("eos", "</s>"), ("unk", "<unk>"), ("pad", "<pad>")],
            Template = ("$A eos", "$A eos $B eos"),
            ExtraIds = 100,
        },
        "llama" or "codellama" or "mistral" => new Family { Tokens = _sentencePieceTokens, AddBos = true },
        "gemma" => new Family { Tokens = [("bos", "<bos>"), ("eos", "<eos>"), ("unk", "<unk>"), ("pad", "<pad>")], AddBos = true },
        "xlmroberta" => new Family { Tokens = _bartTokens, Template = ("bos $A eos", "bos $A eos eos $B eos"), Arrange = Fairseq },
        "camembert" => new Family { Tokens = _bartTokens, Template = ("bos $A eos", "bos $A eos eos $B eos"), Arrange = Camembert },
        "albert" => new Family
        {
            Tokens = [("bos", "[CLS]"), ("eos", "[SEP]"), .. _albertTokens],
            Template = ("cls $A sep", "cls $A sep $B:1 sep:1"),
            CleansText = true,
        },
        "debertav2" => new Family { Tokens = _bertTokens, Template = ("cls $A sep", "cls $A sep $B:1 sep:1") },
        "xlnet" => new Family
        {
            Tokens = [.. _sentencePieceTokens, ("sep", "<sep>"), ("pad", "<pad>"), ("cls", "<cls>"), ("mask", "<mask>")],
            Template = ("$A sep cls:2", "$A sep $B:1 sep:1 cls:2"),
            CleansText = true,
        },
        "marian" => new Family
        {
            Tokens = [("eos", "</s>"), ("unk", "<unk>"), ("pad", "<pad>")],
            Template = ("$A eos", "$A $B eos"),
            IsNumbered = true,
        },
        "m2m100" => new Family
        {
            Tokens = [.. _sentencePieceTokens, ("sep", "</s>"), ("pad", "<pad>")],
            Template = ("lang $A eos", "lang $A $B eos"),
            IsNumbered = true,
            HasLanguages = true,
        },
        "mbart" or "mbart50" or "nllb" or "pegasus" or "bigbirdpegasus" or "barthez" or "xglm" or "seamlessm4t"
            or "bartpho" or "plbart" or "speech2text" or "reformer" or "rembert" or "layoutxlm" or "udop" or "fnet" =>
            throw new TokenizerException(
                $"the class '{name}' has ids of its own around such files; save a tokenizer.json with Transformers"),
        _ => null,
    };

    private static SentencePiece.SentencePiece Piece(string text, PieceKind kind) => new(Unicode.Utf8.Bytes(text), 0, kind);

    private static IEnumerable<SentencePiece.SentencePiece> Fairseq(IReadOnlyList<SentencePiece.SentencePiece> pieces) =>
    [
        Piece("<s>", PieceKind.Control), Piece("<pad>", PieceKind.Control), Piece("</s>", PieceKind.Control),
        Piece("<unk>", PieceKind.Unknown), .. pieces.Skip(3), Piece("<mask>", PieceKind.Control),
    ];

    private static IEnumerable<SentencePiece.SentencePiece> Camembert(IReadOnlyList<SentencePiece.SentencePiece> pieces) =>
    [
        Piece("<s>NOTUSED", PieceKind.Unused), Piece("<pad>", PieceKind.Control), Piece("</s>NOTUSED", PieceKind.Unused),
        Piece("<unk>", PieceKind.Unknown), Piece("<unk>NOTUSED", PieceKind.Unused), .. pieces.Skip(1), Piece("<mask>", PieceKind.Control),
    ];
}
