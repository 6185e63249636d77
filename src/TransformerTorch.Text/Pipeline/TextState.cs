using System.Runtime.InteropServices;
using TransformerTorch.Text.Models;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Pipeline;

/// <summary>
/// One text on its way through normalizer, pre-tokenizer and model, and the memory that it needs: reused from text to text.
/// </summary>
internal sealed class TextState
{
    /// <summary>Bytes from which on a text's memory is not kept for the next.</summary>
    public const int LargeText = 1 << 22;

    private AlignedText _text = new();
    private AlignedText _next = new();
    private List<Piece> _pieces = [];
    private List<Piece> _nextPieces = [];
    private AlignedText? _destination;
    private int[] _codePoints = [];

    /// <summary>The text as it stands.</summary>
    public AlignedText Text => _text;

    public ReadOnlySpan<Piece> Pieces => CollectionsMarshal.AsSpan(_pieces);

    public ModelScratch Model { get; } = new();

    /// <summary>Bytes of the original.</summary>
    public int OriginalLength { get; private set; }

    /// <summary>For normalizers to write to.</summary>
    public List<Change> Changes { get; } = [];

    public Token[] TokenBuffer { get; set; } = new Token[256];

    /// <summary>For each byte of the original, as it was given, the index of its character; not filled for ASCII.</summary>
    public int[] CodePointOfByte => _codePoints;

    public void Start(ReadOnlySpan<char> text)
    {
        _text.SetOriginal(text);
        OriginalLength = _text.Length;
        if (OriginalLength != text.Length)
            IndexCodePoints();
        _pieces.Clear();
        if (OriginalLength > 0)
            _pieces.Add(new Piece(0, OriginalLength, 0, OriginalLength));
    }

    private void IndexCodePoints()
    {
        if (_codePoints.Length < OriginalLength)
            _codePoints = new int[OriginalLength * 2];
        var index = -1;
        var bytes = _text.Bytes;
        for (var at = 0; at < bytes.Length; at++)
            _codePoints[at] = Utf8.IsContinuation(bytes[at]) ? index : ++index;
    }

    /// <summary>Begins a pass that cuts pieces: each is kept or cut with <see cref="Keep"/> and <see cref="Cut"/>.</summary>
    public void BeginCutting() => _nextPieces.Clear();

    public void Keep(in Piece piece) => _nextPieces.Add(piece);

    /// <summary>Adds the part of the text from <paramref name="start"/> to <paramref name="end"/> as a piece, unless it is empty.</summary>
    public void Cut(int start, int end)
    {
        if (start < end)
            _nextPieces.Add(new Piece(start, end, _text.OriginalStart(start), _text.OriginalEnd(end - 1)));
    }

    public void CutToken(int start, int end, int id, string value)
    {
        if (start < end)
            _nextPieces.Add(new Piece(start, end, _text.OriginalStart(start), _text.OriginalEnd(end - 1)) { Id = id, Value = value });
    }

    public void EndCutting() => (_pieces, _nextPieces) = (_nextPieces, _pieces);

    /// <summary>Begins a pass that writes the text anew, piece by piece, to what is returned.</summary>
    public AlignedText BeginWriting()
    {
        _nextPieces.Clear();
        _next.Clear();
        return _destination = _next;
    }

    /// <summary>
    /// What was appended since <paramref name="start"/> replaces <paramref name="piece"/>; nothing appended, the piece is gone.
    /// </summary>
    public void EndPiece(in Piece piece, int start)
    {
        var end = _destination!.Length;
        if (piece.IsToken || end > start)
            _nextPieces.Add(piece with { Start = start, End = end });
    }

    public void EndWriting()
    {
        (_text, _next) = (_next, _text);
        (_pieces, _nextPieces) = (_nextPieces, _pieces);
        _destination = null;
    }
}
