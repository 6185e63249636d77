using System.Security.Cryptography;
using System.Text.Json.Nodes;
using TransformerTorch.Text;

namespace TransformerTorch.Data;

/// <summary>A tokenizer, the folder it came from and the token that ends a document.</summary>
public sealed class TrainedTokenizer
{
    private const string Main = "tokenizer.json", Settings = "tokenizer_config.json";
    private static readonly string[] _files =
        [Main, Settings, "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "chat_template.jinja"];
    private static readonly string[] _usualEnds = ["<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "[SEP]"];
    private readonly string _folder;
    private readonly string _file;

    private TrainedTokenizer(string file)
    {
        (_file, _folder) = (file, Path.GetDirectoryName(Path.GetFullPath(file))!);
        var published = Path.GetFileName(file) == Main && File.Exists(Path.Combine(_folder, Settings));
        Tokenizer = published ? Tokenizer.FromPretrained(_folder) : Tokenizer.FromFile(file);
        (Tokenizer.Truncation, Tokenizer.Padding) = (null, null); // lengths are this library's business
        var end = Roles.Eos ?? _usualEnds.FirstOrDefault(t => Tokenizer.TokenToId(t) is not null)
            ?? throw new DataException($"{file}: which token ends a text is not said. Name it with tokenizer.eos_token.");
        EndMark = Id(Tokenizer, end, file);
        Identity = IdentityOf(file);
        Framing = new(Tokenizer);
    }

    /// <summary>The tokenizer.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>The id that follows each document.</summary>
    public int EndMark { get; }

    /// <summary>What stands around texts.</summary>
    public Framing Framing { get; }

    /// <summary>The id that fills rows up; the end mark where the tokenizer has none.</summary>
    public int Padding => Known(Roles.Pad, "[PAD]", "<pad>", "<|pad|>") ?? EndMark;

    /// <summary>The id that begins a text; null where the tokenizer has none.</summary>
    public int? Begin => Known(Roles.Bos, "<s>", "<bos>", "<|begin_of_text|>");

    /// <summary>The id that hides a token.</summary>
    /// <exception cref="DataException">The tokenizer has none.</exception>
    public int Mask => Known(Roles.Mask, "[MASK]", "<mask>") ?? throw new DataException(
        $"{_file}: there is no mask token, which this objective needs. Name it as mask_token in {Settings}, or take another tokenizer.");

    /// <summary>Ids that are no part of a text.</summary>
    public IReadOnlySet<int> Special => field ??= new HashSet<int>(
        [.. Tokenizer.AddedTokens.Where(token => token.Value.Special).Select(token => token.Key), EndMark]);

    /// <summary>The ids of sentinels, <c>&lt;extra_id_0&gt;</c> first.</summary>
    /// <exception cref="DataException">The tokenizer has fewer.</exception>
    public IReadOnlyList<int> Sentinels(int count)
    {
        var ids = Enumerable.Range(0, count).Select(i => Tokenizer.TokenToId($"<extra_id_{i}>")).TakeWhile(id => id is not null).ToList();
        return ids.Count == count ? [.. ids.Select(id => id!.Value)] : throw new DataException(
            $"{_file}: this objective needs {count} sentinels (<extra_id_0>, <extra_id_1>, ...), the tokenizer has {ids.Count}. " +
            "Lower sequence_len or raise mean_noise_span_length, or take a tokenizer with more.");
    }

    /// <summary>A hash of the tokenizer.</summary>
    public string Identity { get; }

    /// <summary>Opens a <c>tokenizer.json</c> or a folder that holds one.</summary>
    /// <param name="path">The file or folder.</param>
    /// <exception cref="DataException">There is none, or its end mark is unknown.</exception>
    public static TrainedTokenizer Open(string path) => new(Existing(path));

    /// <summary>Copies its files into a model's folder.</summary>
    public void CopyTo(string folder) => Copy(_file, folder);

    /// <summary>Opens it with the tokens that a run adds and the end mark that it names; what that makes is kept in a cache.</summary>
    /// <param name="path">The file or folder that it is made of.</param>
    /// <param name="changes">The tokens and the end mark.</param>
    /// <param name="cache">Where it is kept.</param>
    /// <exception cref="DataException">There is no such tokenizer, or no such end mark.</exception>
    internal static TrainedTokenizer Open(string path, TokenizerConfig changes, string cache)
    {
        if (changes is { Tokens: [], EosToken: null }) return Open(path);
        var file = Existing(path);
        var made = $"{IdentityOf(file)}\n{string.Join('\n', changes.Tokens)}\n\n{changes.EosToken}";
        var name = Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(made)))[..16];
        var folder = Path.Combine(cache, $"tokenizer-{name}");
        try
        {
            if (!Directory.Exists(folder)) AtomicFolder.Write(folder, unfinished => Extend(file, changes, unfinished));
        }
        catch (IOException) when (Directory.Exists(folder)) { }     // another run made the same one meanwhile
        return Open(folder);
    }

    /// <summary>Ids of a text, without special tokens around it.</summary>
    public int[] Encode(string text) => Tokenizer.EncodeToIds(text, addSpecialTokens: false);

    private SpecialTokens Roles => Tokenizer.SpecialTokens;

    private static string Existing(string path)
    {
        var file = Directory.Exists(path) ? Path.Combine(path, Main) : path;
        return File.Exists(file) ? file
            : throw new DataException($"{file}: there is no such tokenizer. Set tokenizer.path to a tokenizer.json or its folder.");
    }

    private static string IdentityOf(string file)
    {
        var settings = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, Settings);
        var said = Path.GetFileName(file) == Main && File.Exists(settings) ? File.ReadAllBytes(settings) : [];
        return Convert.ToHexStringLower(SHA256.HashData([.. File.ReadAllBytes(file), .. said]));
    }

    private static int Id(Tokenizer tokenizer, string end, string file) => tokenizer.TokenToId(end)
        ?? throw new DataException($"{file}: there is no token {end}. Name another with tokenizer.eos_token, or add it: tokenizer.tokens.");

    private static void Copy(string file, string folder)
    {
        var from = Path.GetDirectoryName(Path.GetFullPath(file))!;
        foreach (var name in _files.Where(name => name != Main && File.Exists(Path.Combine(from, name))))
            File.Copy(Path.Combine(from, name), Path.Combine(folder, name), overwrite: true);
        File.Copy(file, Path.Combine(folder, Main), overwrite: true);
    }

    private static void Extend(string file, TokenizerConfig changes, string folder)
    {
        Copy(file, folder);
        var extended = Tokenizer.FromFile(file);
        extended.AddTokens(changes.Tokens.Select(token => new AddedToken(token) { Normalized = false }));
        extended.Save(Path.Combine(folder, Main));
        if (changes.EosToken is not { } end) return;
        Id(extended, end, file);
        var path = Path.Combine(folder, Settings);
        var settings = File.Exists(path) ? JsonNode.Parse(File.ReadAllText(path))! : new JsonObject();
        settings["eos_token"] = end;
        File.WriteAllText(path, settings.ToJsonString());
    }

    // By its role, or else by one of the names that such tokens usually have.
    private int? Known(string? role, params ReadOnlySpan<string> usual)
    {
        if (role is not null) return Tokenizer.TokenToId(role);
        foreach (var name in usual)
            if (Tokenizer.TokenToId(name) is { } id) return id;
        return null;
    }
}
