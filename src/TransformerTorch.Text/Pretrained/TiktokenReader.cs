using System.Buffers.Text;
using System.Globalization;
using TransformerTorch.Text.Decoders;
using TransformerTorch.Text.Json;
using TransformerTorch.Text.Models;
using TransformerTorch.Text.Patterns;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.PostProcessors;
using TransformerTorch.Text.PreTokenizers;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Pretrained;

/// <summary>
/// tiktoken's rank files (openai/tiktoken, load.py): byte strings in base64 and their ranks, which are their ids and the order of merging.
/// </summary>
internal static class TiktokenReader
{
    public static Tokenizer Read(string path, string? pattern, IReadOnlyDictionary<string, int>? specialTokens)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        var known = TiktokenEncodings.Find(pattern ?? name);
        if (known is null && pattern is null)
            known = TiktokenEncodings.Find("cl100k_base")! with { SpecialTokens = [] };
        var special = specialTokens ?? known?.SpecialTokens.ToDictionary(token => token.Text, token => token.Id) ?? [];
        var model = ReadModel(path, special);
        var regex = new PatternSource(known?.Pattern ?? pattern!, IsRegex: true);
        var tokenizer = new Tokenizer(
            model,
            normalizer: null,
            new SequencePreTokenizer([
                new SplitPreTokenizer(regex, SplitBehavior.Isolated, invert: false),
                new ByteLevelPreTokenizer(new ByteLevelOptions { AddPrefixSpace = false, UseRegex = false }),
            ]),
            new ByteLevelPostProcessor(new ByteLevelOptions { TrimOffsets = false }),
            new ByteLevelDecoder(new ByteLevelOptions()));
        tokenizer.AddTokens(special.OrderBy(token => token.Value).Select(token => AddedToken.SpecialToken(token.Key)));
        tokenizer.Origin = $"{path}: tiktoken ranks";
        return tokenizer;
    }

    /// <summary>Whether a file begins as rank files do.</summary>
    public static bool Looks(string path)
    {
        using var reader = new StreamReader(path);
        var first = new char[4096];
        var text = first.AsSpan(0, reader.ReadBlock(first));
        var line = text[..(text.IndexOf('\n') is >= 0 and var end ? end : text.Length)].Trim();
        return line.IndexOf(' ') is > 0 and var space && Base64.IsValid(line[..space]) && int.TryParse(line[(space + 1)..], out _);
    }

    private static BytePairModel ReadModel(string path, IReadOnlyDictionary<string, int> special)
    {
        var parts = new List<PairPart>();
        var vocabulary = new Vocabulary();
        var ids = new HashSet<int>();
        var at = 0;
        foreach (var line in File.ReadLines(path))
        {
            at++;
            if (line.Length == 0)
                continue;
            var (token, rank) = ReadLine(line) ?? throw Error("a token in base64, a space and its rank are expected");
            if (vocabulary.Id(token) >= 0)
                throw Error($"the token is there already, with rank {vocabulary.Id(token)}");
            if (!ids.Add(rank))
                throw Error($"rank {rank} is there already");
            vocabulary.Add(token, rank);
            parts.Add(new PairPart(token, -rank, rank));
        }
        at = 0;
        if (parts.Count == 0)
            throw Error("there are no ranks");
        foreach (var (text, id) in special)
        {
            if (!ids.Add(id))
                throw Error($"the special token '{text}' has id {id}, which is taken");
            vocabulary.Add(text, id);
        }
        try
        {
            return new BytePairModel(vocabulary, PairMerges.Build(parts), new BytePairOptions { IgnoreMerges = true });
        }
        catch (TokenizerException exception)
        {
            throw new TokenizerException($"{path}: {exception.Message}", exception);
        }

        TokenizerException Error(string message) => new(at == 0 ? $"{path}: {message}" : $"{path}, line {at}: {message}");
    }

    // The token in GPT-2's alphabet.
    private static (byte[] Token, int Rank)? ReadLine(string line)
    {
        var space = line.IndexOf(' ');
        if (space <= 0 || !int.TryParse(line.AsSpan(space + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var rank)
            || rank >= 1 << 24)
            return null;
        var bytes = new byte[space];
        return Convert.TryFromBase64String(line[..space], bytes, out var length) && length > 0
            ? (Utf8.Bytes(string.Concat(bytes.Take(length).Select(ByteAlphabet.Character))), rank)
            : null;
    }
}
