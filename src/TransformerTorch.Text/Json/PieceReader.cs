using System.Runtime.CompilerServices;
using System.Text.Json;

namespace TransformerTorch.Text.Json;

/// <summary>Reads the unigram model's pieces: [["piece", score], ...].</summary>
internal static class PieceReader
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static List<(byte[] Token, double Score)> Read(Node node, ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        if (json.Length == 0 || !reader.Read() || reader.TokenType != JsonTokenType.StartArray)
            throw node.Error("a list of pieces and their scores is expected");
        var pieces = new List<(byte[] Token, double Score)>();
        while (reader.Read() && reader.TokenType == JsonTokenType.StartArray)
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.String)
                throw Error(node, pieces.Count);
            var token = reader.TokenBytes().ToArray();
            if (!reader.Read() || reader.TokenType != JsonTokenType.Number || !reader.TryGetDouble(out var score) || !double.IsFinite(score)
                || !reader.Read() || reader.TokenType != JsonTokenType.EndArray)
                throw Error(node, pieces.Count);
            pieces.Add((token, score));
        }
        return reader.TokenType == JsonTokenType.EndArray ? pieces : throw Error(node, pieces.Count);
    }

    private static TokenizerException Error(Node node, int index) => node.Error($"[{index}]: a piece and its score are expected");
}
