using System.Globalization;
using System.Text.Json;
using TransformerTorch.Text.Json;
using TransformerTorch.Text.Models;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Pretrained;

/// <summary>
/// What tokenizer_config.json, special_tokens_map.json and added_tokens.json say together. As in Transformers 5 the first has the word if
/// it lists the added tokens itself (added_tokens_decoder); otherwise the two old files go over it.
/// </summary>
internal sealed class TokenizerConfig
{
    private static readonly string[] _roles = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    private readonly Node _config;
    private readonly Dictionary<string, AddedToken> _named = [];
    private readonly List<AddedToken> _extra = [];

    public TokenizerConfig(string folder)
    {
        _config = FolderFiles.ReadJson(Path.Combine(folder, "tokenizer_config.json"));
        Exists = !_config.IsNull;
        ChatTemplates = Pretrained.ChatTemplates.Read(folder, this["chat_template"]);
        ClassName = (this["tokenizer_class"].StringOrNull() ?? "").Replace("TokenizerFast", "", StringComparison.Ordinal)
            .Replace("Tokenizer", "", StringComparison.Ordinal);
        ReadTokens(_config);
        if (!this["added_tokens_decoder"].IsNull)
        {
            foreach (var (id, token) in this["added_tokens_decoder"].Members())
            {
                if (!int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == int.MaxValue)
                    throw token.Error("the name of a member is the token's id, a whole number");
                AddedTokens[number] = Token(token, special: false);
            }
        }
        else
        {
            ReadTokens(FolderFiles.ReadJson(Path.Combine(folder, "special_tokens_map.json")));
            ReadOldAddedTokens(FolderFiles.ReadJson(Path.Combine(folder, "added_tokens.json")));
        }
    }

    /// <summary>The file, for errors.</summary>
    public string Name => _config.File;

    /// <summary>Whether there is a tokenizer_config.json.</summary>
    public bool Exists { get; }

    /// <summary>tokenizer_class without "Tokenizer" and "Fast", or empty.</summary>
    public string ClassName { get; }

    /// <summary>The added tokens that have an id, in its order.</summary>
    public SortedDictionary<int, AddedToken> AddedTokens { get; } = [];

    /// <summary>Special tokens that have no role of their own.</summary>
    public IReadOnlyList<AddedToken> Extra => _extra;

    public IReadOnlyDictionary<string, string> ChatTemplates { get; }

    /// <summary>The longest text in tokens; null where none is said, or an absurd one (1e30 stands for none).</summary>
    public int? ModelMaxLength => this["model_max_length"].Value is { ValueKind: JsonValueKind.Number } number
        && number.TryGetDouble(out var length) && length is >= 1 and < int.MaxValue ? (int)length : null;

    /// <summary>A member of tokenizer_config.json, or a node that is null.</summary>
    public Node this[string name] => Exists ? _config[name] : _config;

    /// <summary>The token of a role ("bos", "cls", ...), or null.</summary>
    public AddedToken? Named(string role) => _named.GetValueOrDefault(role);

    /// <summary>Gives a role a token where the files gave it none.</summary>
    public void Default(string role, AddedToken token)
    {
        if (!_named.ContainsKey(role) && !(Exists && _config.Value.TryGetProperty(role + "_token", out _)))
            _named[role] = token;
    }

    public void AddExtra(IEnumerable<AddedToken> tokens) =>
        _extra.AddRange(tokens.Where(token => !_extra.Exists(other => other.Content == token.Content)));

    public SpecialTokens SpecialTokens() => new()
    {
        Bos = Named("bos")?.Content,
        Eos = Named("eos")?.Content,
        Unk = Named("unk")?.Content,
        Sep = Named("sep")?.Content,
        Pad = Named("pad")?.Content,
        Cls = Named("cls")?.Content,
        Mask = Named("mask")?.Content,
        Extra = [.. _extra.Select(token => token.Content)],
    };

    /// <summary>All special tokens, each as the list of added tokens describes it, if it does.</summary>
    public IEnumerable<AddedToken> AllSpecial() => _roles.Select(role => Named(Role(role))).OfType<AddedToken>().Concat(_extra)
        .Select(token => AddedTokens.Values.FirstOrDefault(added => added.Content == token.Content) is { } added
            ? added with { Special = true }
            : token);

    /// <summary>Gives the added tokens their ids in a vocabulary, unless they only go on where it ends: then adding them does it.</summary>
    /// <exception cref="TokenizerException">An id is another token's.</exception>
    public void AddListed(Vocabulary vocabulary, string file)
    {
        var missing = AddedTokens.Where(token => vocabulary.Id(token.Value.Content) < 0).ToList();
        if (missing.Select((token, i) => token.Key == vocabulary.Count + i).All(follows => follows))
            return;
        foreach (var (id, token) in missing)
        {
            if (vocabulary.TryToken(id, out var other))
                throw new TokenizerException(
                    $"{Name}: the added token '{token.Content}' has id {id}, in {file} that is '{Utf8.Text(other)}'");
            vocabulary.Add(token.Content, id);
        }
    }

    private static string Role(string member) => member[..^"_token".Length];

    private void ReadTokens(Node node)
    {
        if (node.IsNull)
            return;
        foreach (var role in _roles)
        {
            if (!node[role].IsNull)
                _named[Role(role)] = Token(node[role], special: true);
        }
        var extra = node["extra_special_tokens"].IsNull ? node["additional_special_tokens"] : node["extra_special_tokens"];
        if (extra.Value.ValueKind == JsonValueKind.Object)
            AddExtra(extra.Members().Select(member => Token(member.Value, special: true)));
        else if (!extra.IsNull)
            AddExtra(extra.Items().Select(item => Token(item, special: true)));
        var others = node.Members().Where(
            member => member.Name.EndsWith("_token", StringComparison.Ordinal) && !_roles.Contains(member.Name));
        others = others.Where(member => member.Value.Value.ValueKind == JsonValueKind.String);
        AddExtra(others.Select(member => Token(member.Value, special: true)));
    }

    private void ReadOldAddedTokens(Node node)
    {
        if (node.IsNull)
            return;
        var special = _named.Values.Concat(_extra).Select(token => token.Content).ToHashSet();
        foreach (var (text, id) in node.Members())
            AddedTokens[id.Count()] = new AddedToken(text) { Special = special.Contains(text), Normalized = !special.Contains(text) };
    }

    private static AddedToken Token(Node node, bool special)
    {
        if (node.Value.ValueKind == JsonValueKind.String)
            return new AddedToken(node.String()) { Special = special, Normalized = !special };
        special |= node["special"].Boolean(absent: false);
        return new AddedToken(node.Required("content").String())
        {
            SingleWord = node["single_word"].Boolean(absent: false),
            LeftStrip = node["lstrip"].Boolean(absent: false),
            RightStrip = node["rstrip"].Boolean(absent: false),
            Normalized = node["normalized"].Boolean(absent: !special),
            Special = special,
        };
    }
}
