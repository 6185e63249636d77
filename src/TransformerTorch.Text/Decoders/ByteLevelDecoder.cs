using System.Text.Json;
using TransformerTorch.Text.Json;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Decoders;

/// <summary>Characters of GPT-2's byte alphabet become the bytes that they stand for, read as UTF-8.</summary>
internal sealed class ByteLevelDecoder(ByteLevelOptions options) : Decoder
{
    public override List<string> Decode(List<string> tokens)
    {
        var bytes = new List<byte>();
        foreach (var token in tokens)
            bytes.AddRange(Bytes(token));
        return [Utf8.Text(bytes.ToArray())];
    }

    public override DecoderStream OpenStream() => new Stream();

    // A token with a character from outside the alphabet stands for itself.
    private static byte[] Bytes(string token)
    {
        var utf8 = Utf8.Bytes(token);
        return ByteAlphabet.Translate(utf8) ?? utf8;
    }

    public override void Write(Utf8JsonWriter writer) => options.Write(writer);

    private sealed class Stream : TokenStream
    {
        // Holds back the bytes of a character that is not complete.
        private readonly System.Text.Decoder _utf8 = System.Text.Encoding.UTF8.GetDecoder();
        private bool _started;

        protected override void Push(string token, List<Chunk> output) => Emit(Bytes(token), flush: false, output);

        public override void Finish(List<Chunk> output) => Emit([], flush: true, output);

        private void Emit(byte[] bytes, bool flush, List<Chunk> output)
        {
            var characters = new char[bytes.Length + 4];
            var count = _utf8.GetChars(bytes, characters, flush);
            if (count == 0 && !flush)
                return;
            output.Add(new Chunk(new string(characters, 0, count), !_started, flush));
            _started = true;
        }
    }
}
