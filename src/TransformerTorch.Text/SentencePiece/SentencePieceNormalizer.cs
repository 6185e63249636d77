using System.Text.Json;
using TransformerTorch.Text.Models;
using TransformerTorch.Text.Normalizers;
using TransformerTorch.Text.Patterns;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.SentencePiece;

/// <summary>
/// sentencepiece's own rewriting of a text (google/sentencepiece, normalizer.cc): its table, the longest rule at each place; spaces at the
/// ends and repeated ones taken away; a space put before or behind; spaces shown as U+2581.
/// </summary>
internal sealed class SentencePieceNormalizer(NormalizerSpec spec) : INormalizer
{
    public const string VisibleSpace = "\u2581";

    private static readonly byte[] _visibleSpace = Utf8.Bytes(VisibleSpace);

    private readonly PrecompiledNormalizer? _table = spec.Table.Length == 0 ? null : new PrecompiledNormalizer(spec.Table);
    private readonly byte[] _space = spec.EscapeSpaces ? _visibleSpace : [(byte)' '];

    /// <summary>The added space stands behind the text, not before it.</summary>
    public bool SpaceAsSuffix { get; init; }

    /// <summary>Texts that are left as they are.</summary>
    public ByteTrie? Untouched { get; init; }

    public void Apply(TextState state)
    {
        var output = state.BeginWriting();
        foreach (var piece in state.Pieces)
        {
            var start = output.Length;
            if (!piece.IsToken)
                Append(output, state.Text, piece);
            state.EndPiece(piece, start);
        }
        state.EndWriting();
    }

    private void Append(AlignedText output, AlignedText source, in Piece piece)
    {
        var (at, end) = (piece.Start, piece.End);
        while (spec.RemoveExtraSpaces && at < end && Next(source.Slice(at, end), out var part) is var length && part is [(byte)' '])
            at += length;
        if (at == end)
            return;
        var begin = output.Length;
        if (spec.AddDummyPrefix && !SpaceAsSuffix)
            output.Append(_space, source.OriginalStart(at), source.OriginalEnd(at));
        var behindSpace = spec.RemoveExtraSpaces;
        while (at < end)
        {
            var length = Next(source.Slice(at, end), out var part);
            if (behindSpace)
                part = part.TrimStart((byte)' ');
            AppendEscaped(output, part, source.OriginalStart(at), source.OriginalEnd(at + length - 1));
            if (part.Length > 0)
                behindSpace = spec.RemoveExtraSpaces && part[^1] == ' ';
            at += length;
        }
        while (spec.RemoveExtraSpaces && output.Slice(begin, output.Length).EndsWith(_space))
            output.Truncate(output.Length - _space.Length);
        if (spec.AddDummyPrefix && SpaceAsSuffix)
            output.Append(_space, source.OriginalStart(end - 1), source.OriginalEnd(end - 1));
    }

    /// <summary>The bytes that the first rule or character of <paramref name="text"/> covers, and what stands for them.</summary>
    private int Next(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> replacement)
    {
        var length = Untouched?.Longest(text).Length ?? 0;
        if (length == 0 && _table is not null && _table.Longest(text, out replacement) is > 0 and var rewritten)
            return rewritten;
        if (length == 0)
            length = Utf8.LengthFromFirst(text[0]);
        replacement = text[..length];
        return length;
    }

    private void AppendEscaped(AlignedText output, ReadOnlySpan<byte> part, int from, int to)
    {
        while (part.IndexOf((byte)' ') is >= 0 and var space)
        {
            output.Append(part[..space], from, to);
            output.Append(_space, from, to);
            part = part[(space + 1)..];
        }
        output.Append(part, from, to);
    }

    /// <summary>Writes what comes nearest among the components of tokenizer.json, much as Transformers converts such models.</summary>
    /// <exception cref="TokenizerException">Nothing comes near.</exception>
    public void Write(Utf8JsonWriter writer)
    {
        if (SpaceAsSuffix || Untouched is not null)
            throw new TokenizerException("tokenizer.json has no word for spaces as suffixes, nor for user-defined pieces of a bare model");
        List<INormalizer> items = _table is null ? [] : [_table];
        if (spec.RemoveExtraSpaces)
        {
            items.Add(new ReplaceNormalizer(new PatternSource(@"\A +| +\z", IsRegex: true), "")); // spaces alone, not all white space
            items.Add(new ReplaceNormalizer(new PatternSource(" {2,}", IsRegex: true), " "));
        }
        if (spec.AddDummyPrefix)
            items.Add(new PrependNormalizer(" "));
        if (spec.EscapeSpaces)
            items.Add(new ReplaceNormalizer(new PatternSource(" ", IsRegex: false), VisibleSpace));
        new SequenceNormalizer(items).Write(writer);
    }
}
