namespace TransformerTorch.Text.Decoders;

/// <summary>A part of a token on its way through a streaming decoder.</summary>
/// <param name="Text">The characters.</param>
/// <param name="IsStart">Whether a token begins here; otherwise the text goes on with the token before.</param>
internal readonly record struct Chunk(string Text, bool IsStart);

/// <summary>A decoder fed token by token. All that comes out, joined, is what decoding the whole gives.</summary>
internal abstract class DecoderStream
{
    /// <summary>Takes a chunk and adds what is now certain to <paramref name="output"/>.</summary>
    public abstract void Push(Chunk chunk, List<Chunk> output);

    /// <summary>No more will come: adds what was held back.</summary>
    public virtual void Finish(List<Chunk> output)
    {
    }
}
