using TransformerTorch.Text.Decoders;
using TransformerTorch.Text.Json;
using TransformerTorch.Text.Models;
using TransformerTorch.Text.Normalizers;
using TransformerTorch.Text.Patterns;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.PostProcessors;
using TransformerTorch.Text.PreTokenizers;

namespace TransformerTorch.Text.Pretrained;

/// <summary>The forms before tokenizer.json: vocab.txt, and vocab.json with merges.txt.</summary>
internal static class VocabularyFiles
{
    private const int MaxWordLength = 100;

    /// <summary>BERT's: a token a line, its id the number of the line before.</summary>
    public static Tokenizer ReadWordPiece(string path, TokenizerConfig config)
    {
        var vocabulary = new Vocabulary();
        foreach (var (number, token) in FolderFiles.Lines(path))
            vocabulary.Add(token, number - 1);
        if (vocabulary.Count == 0)
            throw new TokenizerException($"{path}: there are no tokens");
        config.AddListed(vocabulary, path);
        var unknown = config.Named("unk")?.Content ?? "[UNK]";
        if (vocabulary.Id(unknown) < 0)
            throw new TokenizerException($"{path}: '{unknown}' is not there; name the unknown token in tokenizer_config.json");
        var options = new BertNormalizerOptions
        {
            Lowercase = config["do_lower_case"].Boolean(absent: true),
            StripAccents = config["strip_accents"].IsNull ? null : config["strip_accents"].Boolean(),
            HandleChineseCharacters = config["tokenize_chinese_chars"].Boolean(absent: true),
        };
        return new Tokenizer(
            new WordPieceModel(vocabulary, unknown, "##", MaxWordLength),
            new BertNormalizer(options),
            new BertPreTokenizer(),
            postProcessor: null,
            new WordPieceDecoder("##", cleanup: true));
    }

    /// <summary>GPT-2's, RoBERTa's and BART's bytes, and CLIP's, whose words end in a mark.</summary>
    public static Tokenizer ReadBytePairs(string vocabularyPath, string mergesPath, TokenizerConfig config, string className)
    {
        var vocabulary = ModelReader.ReadVocabulary(new Node(default, vocabularyPath, "$"), File.ReadAllBytes(vocabularyPath));
        config.AddListed(vocabulary, vocabularyPath);
        var reader = new MergeReader(new Node(default, mergesPath, "$"), vocabulary, continuingPrefix: null);
        var merges = reader.Read(File.ReadAllLines(mergesPath));
        return className == "CLIP" ? Clip(vocabulary, merges, config) : Bytes(vocabulary, merges, config);
    }

    private static Tokenizer Bytes(Vocabulary vocabulary, MergeTable merges, TokenizerConfig config) => new(
        new BytePairModel(vocabulary, merges, new BytePairOptions { ContinuingSubwordPrefix = "", EndOfWordSuffix = "" }),
        normalizer: null,
        new ByteLevelPreTokenizer(new ByteLevelOptions { AddPrefixSpace = AddsPrefixSpace(config) }),
        postProcessor: null,
        new ByteLevelDecoder(new ByteLevelOptions()));

    private static Tokenizer Clip(Vocabulary vocabulary, MergeTable merges, TokenizerConfig config)
    {
        const string EndOfWord = "</w>";
        var words = new PatternSource(
            @"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", IsRegex: true);
        return new Tokenizer(
            new BytePairModel(vocabulary, merges, new BytePairOptions
            {
                ContinuingSubwordPrefix = "",
                EndOfWordSuffix = EndOfWord,
                UnknownToken = config.Named("unk")?.Content,
            }),
            new SequenceNormalizer([
                new FormNormalizer(compatible: false, compose: true),
                new ReplaceNormalizer(new PatternSource(@"\s+", IsRegex: true), " "),
                new LowercaseNormalizer(),
            ]),
            new SequencePreTokenizer([
                new SplitPreTokenizer(words, SplitBehavior.Removed, invert: true),
                new ByteLevelPreTokenizer(new ByteLevelOptions { AddPrefixSpace = false }),
            ]),
            postProcessor: null,
            new SequenceDecoder([
                new ByteLevelDecoder(new ByteLevelOptions()),
                new ReplaceDecoder(new PatternSource(EndOfWord, IsRegex: false), " "),
                new StripDecoder(" ", 1, 1),
            ]));
    }

    public static bool AddsPrefixSpace(TokenizerConfig config) => config["add_prefix_space"].Boolean(absent: false);

    /// <summary>The special tokens around byte pairs, by class.</summary>
    public static PostProcessor BytePairFinish(Tokenizer tokenizer, TokenizerConfig config, string className)
    {
        var roberta = className is "Roberta" or "Bart" or "Longformer" or "LED";
        if (!roberta && className != "CLIP")
        {
            return SpecialTemplate.Build(
                    tokenizer, config, (config["add_bos_token"].Boolean(absent: false), config["add_eos_token"].Boolean(absent: false)))
                ?? SpecialTemplate.Build(tokenizer, config, "$A", "$A $B:1");
        }
        return new RobertaPostProcessor(
            SpecialTemplate.Token(tokenizer, config, roberta ? "sep" : "eos"),
            SpecialTemplate.Token(tokenizer, config, roberta ? "cls" : "bos"),
            trimOffsets: roberta && config["trim_offsets"].Boolean(absent: true),
            addPrefixSpace: roberta && AddsPrefixSpace(config));
    }
}
