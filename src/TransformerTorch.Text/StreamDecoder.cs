using TransformerTorch.Text.Decoders;

namespace TransformerTorch.Text;

/// <summary>
/// Decodes ids one by one. What <see cref="Add"/> and at the end <see cref="Finish"/> return, joined, is exactly what
/// <see cref="Tokenizer.Decode"/> gives for all ids; half a character is held back until its rest comes.
/// </summary>
public sealed class StreamDecoder
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _skipSpecialTokens;
    private readonly DecoderStream? _stream;
    private readonly List<Chunk> _output = [];
    private bool _started;

    internal StreamDecoder(Tokenizer tokenizer, bool skipSpecialTokens)
    {
        _tokenizer = tokenizer;
        _skipSpecialTokens = skipSpecialTokens;
        _stream = tokenizer.Decoder?.OpenStream();
    }

    /// <summary>The text that <paramref name="id"/> makes certain; often empty.</summary>
    public string Add(int id)
    {
        if (_tokenizer.DecodableToken(id, _skipSpecialTokens) is not { } token)
            return "";
        var isFirst = !_started;
        _started = true;
        if (_stream is null)
            return isFirst ? token : " " + token;
        _output.Clear();
        _stream.Push(Chunk.Token(token), _output);
        return Joined();
    }

    /// <summary>What was held back; the decoder is not to be used afterwards.</summary>
    public string Finish()
    {
        _output.Clear();
        if (_started)
            _stream?.Finish(_output);
        return Joined();
    }

    private string Joined() => string.Concat(_output.Select(chunk => chunk.Text));
}
