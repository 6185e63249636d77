using System.Text.Json;

namespace TransformerTorch.Text.Decoders;

/// <summary>One after the other.</summary>
internal sealed class SequenceDecoder(IReadOnlyList<Decoder> items) : Decoder
{
    public override List<string> Decode(List<string> tokens) => items.Aggregate(tokens, (current, item) => item.Decode(current));

    public override DecoderStream OpenStream() => new Stream([.. items.Select(item => item.OpenStream())]);

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "Sequence");
        writer.WriteStartArray("decoders");
        foreach (var item in items)
            item.Write(writer);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private sealed class Stream(DecoderStream[] stages) : DecoderStream
    {
        public override void Push(Chunk chunk, List<Chunk> output) => Push([chunk], from: 0, output);

        public override void Finish(List<Chunk> output)
        {
            for (var i = 0; i < stages.Length; i++)
            {
                var rest = new List<Chunk>();
                stages[i].Finish(rest);
                Push(rest, i + 1, output);
            }
        }

        private void Push(List<Chunk> chunks, int from, List<Chunk> output)
        {
            for (var i = from; i < stages.Length; i++)
            {
                var next = new List<Chunk>();
                foreach (var chunk in chunks)
                    stages[i].Push(chunk, next);
                chunks = next;
            }
            output.AddRange(chunks);
        }
    }
}
