namespace TransformerTorch.Text.Decoders;

/// <summary>A part of a token on its way through a streaming decoder.</summary>
/// <param name="Text">The characters.</param>
/// <param name="IsStart">Whether the token begins here; otherwise it goes on from the chunk before.</param>
/// <param name="IsEnd">Whether the token ends here.</param>
internal readonly record struct Chunk(string Text, bool IsStart, bool IsEnd)
{
    public static Chunk Token(string text) => new(text, IsStart: true, IsEnd: true);
}

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

/// <summary>A stream that works on whole tokens: one that comes in parts is put together first.</summary>
internal abstract class TokenStream : DecoderStream
{
    private string _part = "";

    public sealed override void Push(Chunk chunk, List<Chunk> output)
    {
        _part = chunk.IsStart ? chunk.Text : _part + chunk.Text;
        if (chunk.IsEnd)
            Push(_part, output);
    }

    protected abstract void Push(string token, List<Chunk> output);
}

/// <summary>A stream whose tokens change one by one, by their text and whether they are the first.</summary>
internal sealed class MapStream(Func<string, bool, string> map) : TokenStream
{
    private bool _started;

    protected override void Push(string token, List<Chunk> output)
    {
        output.Add(Chunk.Token(map(token, !_started)));
        _started = true;
    }
}
