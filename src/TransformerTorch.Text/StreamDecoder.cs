using TransformerTorch.Text.Decoders;
using TransformerTorch.Text.Models;

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
    private readonly List<int> _ids = []; // all so far, where another library decodes
    private bool _started;
    private int _given; // characters

    internal StreamDecoder(Tokenizer tokenizer, bool skipSpecialTokens)
    {
        _tokenizer = tokenizer;
        _skipSpecialTokens = skipSpecialTokens;
        _stream = tokenizer.Decoder?.OpenStream();
    }

    /// <summary>The text that <paramref name="id"/> makes certain; often empty.</summary>
    public string Add(int id)
    {
        if (_tokenizer.Model is ForeignModel foreign)
        {
            _ids.Add(id);
            var text = foreign.Decode(_ids, _skipSpecialTokens);
            return text.EndsWith('\uFFFD') ? "" : Rest(text);
        }
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
        if (_tokenizer.Model is ForeignModel foreign)
            return Rest(foreign.Decode(_ids, _skipSpecialTokens));
        _output.Clear();
        if (_started)
            _stream?.Finish(_output);
        return Joined();
    }

    private string Rest(string text)
    {
        var rest = text[Math.Min(_given, text.Length)..];
        _given = Math.Max(_given, text.Length);
        return rest;
    }

    private string Joined() => string.Concat(_output.Select(chunk => chunk.Text));
}
