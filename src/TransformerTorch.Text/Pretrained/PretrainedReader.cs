using TransformerTorch.Text.Normalizers;
using TransformerTorch.Text.Patterns;
using TransformerTorch.Text.PreTokenizers;
using TransformerTorch.Text.SentencePiece;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Pretrained;

/// <summary>A model folder -> tokenizer. It looks for tokenizer.json first, then for the forms before it.</summary>
internal sealed class PretrainedReader
{
    private const string MarianSource = "source.spm";

    private static readonly string[] _sentencePieceNames =
        [MarianSource, "spiece.model", "tokenizer.model", "sentencepiece.bpe.model", "spm.model", "sentencepiece.model"];

    private readonly string _folder;
    private readonly TokenizerConfig _config;
    private readonly List<string> _missing = [];

    private PretrainedReader(string folder)
    {
        _folder = folder;
        _config = new TokenizerConfig(folder);
    }

    public static Tokenizer Read(string folder)
    {
        if (!Directory.Exists(folder))
            throw new TokenizerException($"{folder}: there is no such folder");
        var reader = new PretrainedReader(folder);
        var tokenizer = reader.Read();
        (tokenizer.Truncation, tokenizer.Padding) = (null, null); // which Transformers leaves to each call
        tokenizer.SpecialTokens = reader._config.SpecialTokens();
        tokenizer.ModelMaxLength = reader._config.ModelMaxLength;
        tokenizer.ChatTemplates = reader._config.ChatTemplates;
        return tokenizer;
    }

    private Tokenizer Read()
    {
        if (Find("tokenizer.json") is { } json)
            return Named(Tokenizer.FromFile(json), "tokenizer.json");
        foreach (var name in _sentencePieceNames)
        {
            if (Find(name) is { } model)
                return ReadModel(model, name);
        }
        if (Find("vocab.json") is { } vocabulary)
        {
            return Find("merges.txt") is { } merges
                ? ReadBytePairs(vocabulary, merges)
                : throw new TokenizerException($"{_folder}: there is a vocab.json, but no merges.txt beside it");
        }
        if (Find("vocab.txt") is { } words)
            return ReadWordPiece(words);
        if (Directory.EnumerateFiles(_folder, "*.tiktoken").Order(StringComparer.Ordinal).FirstOrDefault() is { } ranks)
            return ReadTiktoken(ranks);
        throw new TokenizerException($"{_folder}: there is no tokenizer: none of {string.Join(", ", _missing)}, *.tiktoken");
    }

    private string? Find(string name)
    {
        var path = Path.Combine(_folder, name);
        if (File.Exists(path))
            return path;
        _missing.Add(name);
        return null;
    }

    private Tokenizer ReadModel(string path, string name)
    {
        if (TiktokenReader.Looks(path))
            return ReadTiktoken(path);
        var file = SentencePieceFile.Read(File.ReadAllBytes(path), path);
        var (family, className) = FindFamily(name == MarianSource ? "Marian" : "");
        if (!_config.Exists && !family.IsNumbered)
        {
            var alone = SentencePieceReader.Build(file, path, SentencePieceUse.Alone);
            alone.Origin = $"{Origin(name)}; without a tokenizer_config.json no special tokens stand around a text";
            return alone;
        }
        if (family.IsNumbered)
            NumberedPieces.Apply(file, Path.Combine(_folder, "vocab.json"), _config, family.HasLanguages);
        else
            file.Rearrange([.. family.Arrange([.. file.Pieces]), .. Sentinels(family)]);
        var tokenizer = SentencePieceReader.Build(file, path, SentencePieceUse.WithAddedTokens, Style(family, className));
        if (family.IsNumbered)
            tokenizer.AddTokens(NumberedPieces.Targets(file));
        return Finish(tokenizer, name, family, className);
    }

    private IEnumerable<SentencePiece.SentencePiece> Sentinels(Family family)
    {
        var count = family.ExtraIds == 0 || _config["extra_ids"].IsNull ? family.ExtraIds : _config["extra_ids"].Count();
        string[] texts = [.. Enumerable.Range(0, count).Reverse().Select(i => $"<extra_id_{i}>")];
        _config.AddExtra(texts.Select(AddedToken.SpecialToken));
        return texts.Select(text => new SentencePiece.SentencePiece(Utf8.Bytes(text), 0, PieceKind.Control));
    }

    private SentencePieceStyle Style(Family family, string className)
    {
        var before = new List<INormalizer>();
        if (family.CleansText)
        {
            before.Add(new ReplaceNormalizer(new PatternSource("``", IsRegex: false), "\""));
            before.Add(new ReplaceNormalizer(new PatternSource("''", IsRegex: false), "\""));
            if (!_config["keep_accents"].Boolean(absent: false))
                before.AddRange([new FormNormalizer(compatible: true, compose: false), new StripAccentsNormalizer()]);
        }
        if (_config["do_lower_case"].Boolean(absent: className == "Albert"))
            before.Add(new LowercaseNormalizer());
        var firstOnly = className is "Llama" or "CodeLlama" && !_config["legacy"].Boolean(absent: true);
        var scheme = _config["add_prefix_space"].Boolean(absent: true) ? PrependScheme.First : PrependScheme.Never;
        return new SentencePieceStyle
        {
            Before = before,
            TrimsText = family.IsNumbered,
            PreTokenizer = firstOnly ? new MetaspacePreTokenizer(SentencePieceNormalizer.VisibleSpace, scheme, split: false) : null,
        };
    }

    private Tokenizer ReadBytePairs(string vocabulary, string merges)
    {
        var (family, className) = FindFamily();
        var tokenizer = VocabularyFiles.ReadBytePairs(vocabulary, merges, _config, className);
        AddSpecial(tokenizer);
        tokenizer.PostProcessor = VocabularyFiles.BytePairFinish(tokenizer, _config, className);
        return Named(tokenizer, "vocab.json and merges.txt");
    }

    private Tokenizer ReadWordPiece(string path)
    {
        var (family, className) = FindFamily("Bert");
        return Finish(VocabularyFiles.ReadWordPiece(path, _config), "vocab.txt", family, className);
    }

    private Tokenizer ReadTiktoken(string path)
    {
        var ids = _config.AddedTokens.ToDictionary(token => token.Value.Content, token => token.Key);
        var tokenizer = TiktokenReader.Read(path, _config["pattern"].StringOrNull(), ids.Count > 0 ? ids : null);
        AddSpecial(tokenizer);
        if (SpecialTemplate.Build(tokenizer, _config, AddBosEos(byDefault: false)) is { } template)
            tokenizer.PostProcessor = template;
        tokenizer.Origin = Origin(Path.GetFileName(path) + " (tiktoken ranks)");
        return tokenizer;
    }

    private Tokenizer Finish(Tokenizer tokenizer, string name, Family family, string className)
    {
        AddSpecial(tokenizer);
        tokenizer.PostProcessor = family.Template is var (single, pair)
            ? SpecialTemplate.Build(tokenizer, _config, single, pair)
            : SpecialTemplate.Build(tokenizer, _config, AddBosEos(family.AddBos));
        return Named(tokenizer, className.Length > 0 ? $"{name} as class {className}" : name);
    }

    private (bool Bos, bool Eos) AddBosEos(bool byDefault) =>
        (_config["add_bos_token"].Boolean(absent: byDefault), _config["add_eos_token"].Boolean(absent: false));

    private Tokenizer Named(Tokenizer tokenizer, string name)
    {
        AddSpecial(tokenizer);
        tokenizer.Origin = Origin(name);
        return tokenizer;
    }

    private string Origin(string name) => _missing.Count == 0
        ? $"{_folder}: {name}, which goes before all other forms"
        : $"{_folder}: {name}; there is no {string.Join(", no ", _missing)}";

    /// <summary>The class that tokenizer_config.json names, or config.json's model type, or the usual one.</summary>
    private (Family Family, string ClassName) FindFamily(string usual = "")
    {
        var config = FolderFiles.ReadJson(Path.Combine(_folder, "config.json"));
        var type = config.IsNull ? "" : config["model_type"].StringOrNull() ?? "";
        foreach (var name in (string[])[_config.ClassName, type, usual])
        {
            if (Family.Find(name) is not { } family)
                continue;
            foreach (var (role, token) in family.Tokens)
                _config.Default(role, AddedToken.SpecialToken(token));
            return (family, name switch
            {
                "clip" => "CLIP",
                "roberta" or "bart" or "longformer" or "led" => "Roberta",
                "llama" => "Llama",
                _ => name,
            });
        }
        return (new Family(), _config.ClassName);
    }

    // What the tokenizer has already keeps how it is matched.
    private void AddSpecial(Tokenizer tokenizer)
    {
        var known = tokenizer.AddedTokens.Values.ToDictionary(token => token.Content);
        var listed = _config.AddedTokens.Where(token => tokenizer.TokenToId(token.Value.Content) is null).ToList();
        tokenizer.AddTokens(_config.AddedTokens.Values.Where(token => !known.ContainsKey(token.Content)));
        foreach (var (id, token) in listed)
        {
            if (tokenizer.TokenToId(token.Content) is var found && found != id)
                throw new TokenizerException($"{_config.Name}: the added token '{token.Content}' has id {id}, but {found} is next");
        }
        known = tokenizer.AddedTokens.Values.ToDictionary(token => token.Content);
        tokenizer.AddTokens(_config.AllSpecial().Where(token => !known.TryGetValue(token.Content, out var old) || !old.Special));
    }
}
