using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.SentencePiece;

/// <summary>What a piece is for; the numbers are the file's.</summary>
internal enum PieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>The algorithm; the numbers are the file's.</summary>
internal enum SentencePieceAlgorithm
{
    Unigram = 1,
    BytePair = 2,
    Word = 3,
    Character = 4,
}

/// <summary>A piece: its UTF-8, score (log probability for Unigram, minus the rank for byte pairs) and kind.</summary>
internal readonly record struct SentencePiece(byte[] Text, float Score, PieceKind Kind);

/// <summary>A normalizer_spec of the file.</summary>
internal sealed record NormalizerSpec
{
    /// <summary>The rewriting table, or empty.</summary>
    public byte[] Table { get; init; } = [];

    public bool AddDummyPrefix { get; init; } = true;

    public bool RemoveExtraSpaces { get; init; } = true;

    public bool EscapeSpaces { get; init; } = true;
}

/// <summary>A sentencepiece model file (google/sentencepiece, sentencepiece_model.proto), as far as encoding and decoding go.</summary>
internal sealed class SentencePieceFile
{
    private readonly HashSet<string> _texts = [];

    public List<SentencePiece> Pieces { get; } = [];

    public SentencePieceAlgorithm Algorithm { get; private set; } = SentencePieceAlgorithm.Unigram;

    public bool SpaceAsSuffix { get; private set; }

    public bool ByteFallback { get; private set; }

    /// <summary>What an unknown token decodes to.</summary>
    public string UnknownSurface { get; private set; } = " \u2047 ";

    public NormalizerSpec Normalizer { get; private set; } = new();

    public NormalizerSpec Denormalizer { get; private set; } = new();

    public int UnknownId { get; private set; } = -1;

    /// <summary>Pieces from this number on cut the text as others do, but have no id: they are the unknown token.</summary>
    public int NumberedCount { get; set; } = int.MaxValue;

    /// <summary>Puts other pieces, or the same in another order, in the place of the file's.</summary>
    /// <exception cref="TokenizerException">Some piece is there twice.</exception>
    public void Rearrange(IReadOnlyList<SentencePiece> pieces)
    {
        Pieces.Clear();
        _texts.Clear();
        UnknownId = -1;
        foreach (var piece in pieces)
            Add(piece);
        Check();
    }

    /// <summary>Reads the bytes of a model; <paramref name="name"/> stands for the file in errors.</summary>
    /// <exception cref="TokenizerException">They are none; the message names the place and the cause.</exception>
    public static SentencePieceFile Read(ReadOnlySpan<byte> bytes, string name)
    {
        try
        {
            var file = new SentencePieceFile();
            var reader = new WireReader(bytes);
            while (reader.Next())
                file.ReadField(reader);
            file.Check();
            return file;
        }
        catch (TokenizerException exception)
        {
            throw new TokenizerException($"{name}: not a sentencepiece model: {exception.Message}", exception);
        }
    }

    private void ReadField(in WireReader reader)
    {
        switch (reader.Field)
        {
            case 1:
                ReadPiece(reader.Bytes());
                break;
            case 2:
                ReadTrainer(reader.Bytes());
                break;
            case 3:
                Normalizer = ReadNormalizer(reader.Bytes(), Normalizer);
                break;
            case 5:
                Denormalizer = ReadNormalizer(reader.Bytes(), Denormalizer);
                break;
        }
    }

    private void ReadPiece(ReadOnlySpan<byte> bytes)
    {
        var piece = new SentencePiece([], 0, PieceKind.Normal);
        var reader = new WireReader(bytes);
        while (reader.Next())
        {
            piece = reader.Field switch
            {
                1 => piece with { Text = reader.Text() },
                2 => piece with { Score = reader.Float() },
                3 => piece with { Kind = Known((PieceKind)reader.Int()) },
                _ => piece,
            };
        }
        Add(piece);
    }

    private void Add(in SentencePiece piece)
    {
        var text = Utf8.Text(piece.Text);
        if (piece.Text.Length == 0)
            throw Error("is empty");
        if (!float.IsFinite(piece.Score))
            throw Error($"'{text}' has the score {piece.Score}");
        if (!_texts.Add(text))
            throw Error($"'{text}' is there already");
        if (piece.Kind == PieceKind.Byte && !IsByte(text))
            throw Error($"'{text}' is of kind byte, but names none");
        if (piece.Kind == PieceKind.Unknown)
            UnknownId = UnknownId < 0 ? Pieces.Count : throw Error($"'{text}' is a second unknown piece; {UnknownId} is the first");
        Pieces.Add(piece);
    }

    private static bool IsByte(string text) =>
        text is ['<', '0', 'x', var high, var low, '>'] && char.IsAsciiHexDigit(high) && char.IsAsciiHexDigit(low);

    private PieceKind Known(PieceKind kind) => Enum.IsDefined(kind) ? kind : throw Error($"is of kind {(int)kind}, which is unknown");

    private TokenizerException Error(string message) => new($"piece {Pieces.Count} {message}");

    private void ReadTrainer(ReadOnlySpan<byte> bytes)
    {
        var reader = new WireReader(bytes);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 3:
                    Algorithm = (SentencePieceAlgorithm)reader.Int();
                    break;
                case 24:
                    SpaceAsSuffix = reader.Bool();
                    break;
                case 35:
                    ByteFallback = reader.Bool();
                    break;
                case 44:
                    UnknownSurface = Utf8.Text(reader.Text());
                    break;
            }
        }
    }

    private static NormalizerSpec ReadNormalizer(ReadOnlySpan<byte> bytes, NormalizerSpec spec)
    {
        var reader = new WireReader(bytes);
        while (reader.Next())
        {
            spec = reader.Field switch
            {
                2 => spec with { Table = reader.Bytes().ToArray() },
                3 => spec with { AddDummyPrefix = reader.Bool() },
                4 => spec with { RemoveExtraSpaces = reader.Bool() },
                5 => spec with { EscapeSpaces = reader.Bool() },
                _ => spec,
            };
        }
        return spec;
    }

    private static bool IsUnused(SentencePiece piece) => piece.Kind == PieceKind.Unused;

    private void Check()
    {
        if (Pieces.Count == 0)
            throw new TokenizerException("it has no pieces");
        if (UnknownId < 0)
            throw new TokenizerException("no piece is of kind unknown");
        var bytes = Pieces.Count(piece => piece.Kind == PieceKind.Byte);
        if (bytes != (ByteFallback ? 256 : 0))
            throw new TokenizerException($"byte_fallback is {(ByteFallback ? "true" : "false")}, but {bytes} pieces are bytes");
        if (Algorithm is not (SentencePieceAlgorithm.Unigram or SentencePieceAlgorithm.BytePair or SentencePieceAlgorithm.Character))
            throw new TokenizerException($"model type {(int)Algorithm} ({Algorithm}) cannot be served; unigram, BPE and characters can");
        if (Algorithm == SentencePieceAlgorithm.BytePair && Pieces.FindIndex(IsUnused) is >= 0 and var unused)
            throw new TokenizerException($"piece {unused} is unused, which a BPE model cannot serve; remove it");
    }
}
