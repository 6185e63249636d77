using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
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
        Tokenizer = Tokenizer.FromFile(file);
        end ??= DeclaredEnd() ?? _usualEnds.FirstOrDefault(t => Tokenizer.TokenToId(t) is not null);
        EndMark = end is not null && Tokenizer.TokenToId(end) is { } id ? id
            : throw new DataException(
                $"{file}: {(end is null ? "which token ends a text is not said" : $"there is no token {end}")}. "
                + "Name it with tokenizer.eos_token.");
        Identity = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)));
    }

    /// <summary>The tokenizer.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>The id that follows each document.</summary>
    public int EndMark { get; }

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

    /// <summary>Saves a new tokenizer as a folder of the published layout.</summary>
    public static void Save(Tokenizer tokenizer, string folder, string end)
    {
        Directory.CreateDirectory(folder);
        var settings = new JsonObject
        {
            ["tokenizer_class"] = "PreTrainedTokenizerFast", ["bos_token"] = end, ["eos_token"] = end,
            ["clean_up_tokenization_spaces"] = false,
        };
        AtomicFile.WriteText(Path.Combine(folder, Settings),
            settings.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
        var unfinished = Path.Combine(folder, $".{Main}.{Environment.ProcessId}.tmp");
        tokenizer.Save(unfinished);
        AtomicFile.WriteText(Path.Combine(folder, Main), File.ReadAllText(unfinished));
        File.Delete(unfinished);
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

    // eos_token is a text, or an object with the text as its content.
    private string? DeclaredEnd()
    {
        var settings = Path.Combine(_folder, Settings);
        if (!File.Exists(settings)) return null;
        return JsonNode.Parse(File.ReadAllText(settings))?["eos_token"] switch
        {
            JsonObject token => (string?)token["content"],
            JsonValue text => (string?)text,
            _ => null,
        };
    }
}
