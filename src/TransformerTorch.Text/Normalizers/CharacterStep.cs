using TransformerTorch.Text.Pipeline;

namespace TransformerTorch.Text.Normalizers;

/// <summary>A step of normalization that rewrites each piece character by character.</summary>
internal abstract class CharacterStep
{
    public void Apply(TextState state)
    {
        var leaves = true;
        foreach (var piece in state.Pieces)
            leaves &= piece.IsToken || Leaves(state.Text.Slice(piece.Start, piece.End));
        if (leaves)
            return;
        var changes = state.Changes;
        var output = state.BeginWriting();
        foreach (var piece in state.Pieces)
        {
            var start = output.Length;
            if (!piece.IsToken)
            {
                changes.Clear();
                var removed = Rewrite(state.Text.Slice(piece.Start, piece.End), changes);
                output.AppendChanged(state.Text, piece, changes, removed);
            }
            state.EndPiece(piece, start);
        }
        state.EndWriting();
    }

    /// <summary>Whether the text is certain to stay as it is, which spares rewriting it.</summary>
    protected abstract bool Leaves(ReadOnlySpan<byte> text);

    /// <summary>Adds the new characters to <paramref name="changes"/> and returns how many are removed before the first.</summary>
    protected abstract int Rewrite(ReadOnlySpan<byte> text, List<Change> changes);
}
