using System.Security.Cryptography;
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

    private TrainedTokenizer(string file, string? end)
    {
        (_file, _folder) = (file, Path.GetDirectoryName(Path.GetFullPath(file))!);
        var published = Path.GetFileName(file) == Main && File.Exists(Path.Combine(_folder, Settings));
        Tokenizer = published ? Tokenizer.FromPretrained(_folder) : Tokenizer.FromFile(file);
        end ??= Roles.Eos ?? _usualEnds.FirstOrDefault(t => Tokenizer.TokenToId(t) is not null);
        EndMark = end is not null && Tokenizer.TokenToId(end) is { } id ? id
            : throw new DataException(
                $"{file}: {(end is null ? "which token ends a text is not said" : $"there is no token {end}")}. "
                + "Name it with tokenizer.eos_token.");
        var settings = published ? File.ReadAllBytes(Path.Combine(_folder, Settings)) : [];
        Identity = Convert.ToHexStringLower(SHA256.HashData([.. File.ReadAllBytes(file), .. settings]));
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
    /// <param name="end">The token that ends a text; null takes what the folder says.</param>
    /// <exception cref="DataException">There is none, or its end mark is unknown.</exception>
    public static TrainedTokenizer Open(string path, string? end = null)
    {
        var file = Directory.Exists(path) ? Path.Combine(path, Main) : path;
        return File.Exists(file) ? new(file, end)
            : throw new DataException($"{file}: there is no such tokenizer. Set tokenizer.path to a tokenizer.json or its folder.");
    }

    /// <summary>Copies its files into a model's folder.</summary>
    public void CopyTo(string folder)
    {
        foreach (var name in _files.Where(name => name != Main && File.Exists(Path.Combine(_folder, name))))
            File.Copy(Path.Combine(_folder, name), Path.Combine(folder, name), overwrite: true);
        File.Copy(_file, Path.Combine(folder, Main), overwrite: true);
    }

    /// <summary>Ids of a text, without special tokens around it.</summary>
    public IReadOnlyList<int> Encode(string text) => Tokenizer.Encode(text, addSpecialTokens: false).Ids;

    private SpecialTokens Roles => Tokenizer.SpecialTokens;

    // By its role, or else by one of the names that such tokens usually have.
    private int? Known(string? role, params ReadOnlySpan<string> usual)
    {
        if (role is not null) return Tokenizer.TokenToId(role);
        foreach (var name in usual)
            if (Tokenizer.TokenToId(name) is { } id) return id;
        return null;
    }
}
