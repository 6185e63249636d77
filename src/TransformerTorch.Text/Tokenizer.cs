using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using TransformerTorch.Text.Decoders;
using TransformerTorch.Text.Json;
using TransformerTorch.Text.Models;
using TransformerTorch.Text.Normalizers;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.PostProcessors;
using TransformerTorch.Text.PreTokenizers;
using TransformerTorch.Text.Pretrained;
using TransformerTorch.Text.SentencePiece;
using TransformerTorch.Text.Templates;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text;

/// <summary>
/// Text to ids and back, as a tokenizer.json of the Hugging Face tokenizers library (0.23) says. Encoding and decoding are safe to call
/// from several threads; adding tokens and changing <see cref="Truncation"/> or <see cref="Padding"/> is not while others encode.
/// </summary>
public sealed class Tokenizer
{
    private readonly Encoder _encoder;
    private readonly ConcurrentDictionary<string, ChatTemplate> _chatTemplates = [];
    private bool? _decodesBytes; // whether the decoder reads GPT-2's alphabet

    internal Tokenizer(Model model, INormalizer? normalizer, PreTokenizer? preTokenizer, PostProcessor? postProcessor, Decoder? decoder)
    {
        (Model, Normalizer, PreTokenizer, PostProcessor, Decoder) = (model, normalizer, preTokenizer, postProcessor, decoder);
        _encoder = new Encoder(this);
    }

    internal Model Model { get; }

    internal INormalizer? Normalizer { get; }

    internal PreTokenizer? PreTokenizer { get; }

    internal PostProcessor? PostProcessor { get; set; }

    internal Decoder? Decoder { get; }

    internal AddedVocabulary Added { get; } = new();

    /// <summary>Tokens that only the saved tokenizer has: a bare sentencepiece model never finds them in a text.</summary>
    internal IReadOnlyList<AddedToken> SavedTokens { get; set; } = [];

    /// <summary>How long texts are cut; null: not at all.</summary>
    public Truncation? Truncation { get; set; }

    /// <summary>How short texts are filled up; null: not at all.</summary>
    public Padding? Padding { get; set; }

    /// <summary>Where this tokenizer came from, and why from there; empty when it was made here.</summary>
    public string Origin { get; internal set; } = "";

    /// <summary>The special tokens by role, as a model folder names them.</summary>
    public SpecialTokens SpecialTokens { get; internal set; } = new();

    /// <summary>The longest input in tokens that the model folder names; null: none, or an absurd one.</summary>
    public int? ModelMaxLength { get; internal set; }

    /// <summary>The sources of the model folder's chat templates by name; "default" is the usual one.</summary>
    public IReadOnlyDictionary<string, string> ChatTemplates { get; internal set; } = new Dictionary<string, string>();

    /// <summary>Different tokens: the model's and the added ones.</summary>
    public int VocabularySize => Model.Size + Added.Ids.Keys.Count(token => Model.Vocabulary.Id(token) < 0);

    /// <summary>The added tokens by id.</summary>
    public IReadOnlyDictionary<int, AddedToken> AddedTokens => Added.Tokens;

    /// <summary>Loads a tokenizer.json.</summary>
    /// <exception cref="TokenizerException">The file is not one; the message names the place and the cause.</exception>
    public static Tokenizer FromFile(string path) => TokenizerReader.Read(File.ReadAllBytes(path), path);

    /// <summary>Loads the text of a tokenizer.json; <paramref name="name"/> stands for the file in errors.</summary>
    /// <exception cref="TokenizerException">The text is not one; the message names the place and the cause.</exception>
    public static Tokenizer FromJson(ReadOnlyMemory<byte> json, string name = "tokenizer.json") => TokenizerReader.Read(json, name);

    /// <summary>Loads a sentencepiece model: ids and texts are the sentencepiece library's own.</summary>
    /// <exception cref="TokenizerException">The file is not one; the message names the place and the cause.</exception>
    public static Tokenizer FromSentencePiece(string path) => SentencePieceReader.Read(File.ReadAllBytes(path), path);

    /// <summary>Loads tiktoken's ranks: a line for each token, base64 and rank.</summary>
    /// <param name="path">The file.</param>
    /// <param name="pattern">A regular expression, or the name of a known one (cl100k_base, o200k_base, p50k_base, r50k_base, gpt2); null:
    /// by the file's name, or else cl100k_base's.</param>
    /// <param name="specialTokens">Tokens and their ids; null: those of the known name, if it is one.</param>
    /// <exception cref="TokenizerException">The file is none; the message names the line and the cause.</exception>
    public static Tokenizer FromTiktoken(string path, string? pattern = null, IReadOnlyDictionary<string, int>? specialTokens = null) =>
        TiktokenReader.Read(path, pattern, specialTokens);

    /// <summary>
    /// Loads the tokenizer of a model folder: tokenizer.json, or else a sentencepiece model, vocab.json with merges.txt, vocab.txt, or
    /// tiktoken's ranks; with tokenizer_config.json, special_tokens_map.json, added_tokens.json and chat templates. <see cref="Origin"/>
    /// tells which it was. Nothing is cut off or filled up, whatever tokenizer.json says, as in Transformers.
    /// </summary>
    /// <exception cref="TokenizerException">The folder holds none, or a broken one.</exception>
    public static Tokenizer FromPretrained(string folder) => PretrainedReader.Read(folder);

    /// <summary>
    /// Saves as tokenizer.json, to be read here or by the reference library. What <see cref="FromSentencePiece"/> loaded is saved as
    /// Transformers converts it: control pieces become special tokens, which are found in texts that spell them, and the reference
    /// library looks its table of characters up by grapheme.
    /// </summary>
    /// <exception cref="TokenizerException">tokenizer.json has no words for a part of this tokenizer.</exception>
    public void Save(string path)
    {
        using var whole = new MemoryStream(); // so that a failure leaves no half of a file
        TokenizerWriter.Write(this, whole);
        File.WriteAllBytes(path, whole.GetBuffer().AsSpan(0, (int)whole.Length));
    }

    /// <summary>The id of a token, exactly as the vocabulary spells it, or null.</summary>
    public int? TokenToId(string token)
    {
        if (Added.Ids.TryGetValue(token, out var added))
            return added;
        return Model.Vocabulary.Id(token) is >= 0 and var id ? id : null;
    }

    /// <summary>The token of an id, as the vocabulary spells it, or null.</summary>
    public string? IdToToken(int id)
    {
        if (Added.Tokens.TryGetValue(id, out var token))
            return token.Content;
        return Model.Vocabulary.TryToken(id, out var text) ? Utf8.Text(text) : null;
    }

    /// <summary>
    /// Adds tokens: those that the vocabulary has keep their id, others get the next. Returns how many were new or changed.
    /// </summary>
    public int AddTokens(IEnumerable<AddedToken> tokens) => Added.Add(tokens, Model, _encoder.Normalize);

    /// <summary>The added tokens as they are saved.</summary>
    internal AddedVocabulary AddedWhenSaved()
    {
        if (SavedTokens.Count == 0)
            return Added;
        var saved = new AddedVocabulary();
        saved.Add(SavedTokens.Concat(AddedTokens.Values), Model, _encoder.Normalize);
        return saved;
    }

    /// <summary>Encodes a text; a lone surrogate counts as U+FFFD.</summary>
    public Encoding Encode(string text, bool addSpecialTokens = true) => _encoder.Encode(new(text), pair: null, addSpecialTokens);

    /// <summary>Encodes two texts as one input.</summary>
    public Encoding Encode(string text, string? pair, bool addSpecialTokens = true) =>
        _encoder.Encode(new(text), Source.OrNull(pair), addSpecialTokens);

    /// <summary>The ids of a text alone, as <see cref="Encode(string, bool)"/> gives them, sooner and with less memory.</summary>
    public int[] EncodeToIds(string text, bool addSpecialTokens = true) => _encoder.EncodeToIds(text, addSpecialTokens);

    /// <summary>
    /// Encodes a text that is cut into words already, as for labelling words: word ids are the places of these words, and offsets count
    /// within each. Each word goes through the tokenizer alone, so one in the midst of a text may have to bring its space along.
    /// </summary>
    public Encoding EncodeWords(IReadOnlyList<string> words, bool addSpecialTokens = true) => EncodeWords(words, null, addSpecialTokens);

    /// <summary>Encodes two texts that are cut into words already as one input.</summary>
    public Encoding EncodeWords(IReadOnlyList<string> words, IReadOnlyList<string>? pair, bool addSpecialTokens = true) =>
        _encoder.Encode(new(words), Source.OrNull(pair), addSpecialTokens);

    /// <summary>Encodes many texts on all cores; padding to the longest looks at all of them.</summary>
    public Encoding[] EncodeBatch(IReadOnlyList<string> texts, bool addSpecialTokens = true) =>
        _encoder.EncodeBatch(texts.Count, i => (new(texts[i]), null), addSpecialTokens);

    /// <summary>Encodes many pairs of texts on all cores; padding to the longest looks at all of them.</summary>
    public Encoding[] EncodeBatch(IReadOnlyList<(string Text, string? Pair)> texts, bool addSpecialTokens = true) =>
        _encoder.EncodeBatch(texts.Count, i => (new(texts[i].Text), Source.OrNull(texts[i].Pair)), addSpecialTokens);

    /// <summary>Encodes many texts that are cut into words already on all cores; padding to the longest looks at all of them.</summary>
    public Encoding[] EncodeWordsBatch(IReadOnlyList<IReadOnlyList<string>> texts, bool addSpecialTokens = true) =>
        _encoder.EncodeBatch(texts.Count, i => (new(texts[i]), null), addSpecialTokens);

    /// <summary>Encodes a chat of plain turns as the folder's chat template renders it.</summary>
    /// <exception cref="ChatTemplateException">There is no template, it fails, or it refuses the messages.</exception>
    public ChatEncoding ApplyChatTemplate(IEnumerable<ChatMessage> messages, ChatTemplateOptions? options = null) =>
        ApplyChatTemplate(ChatMessage.ToJson(messages), options);

    /// <summary>
    /// Encodes a chat as the folder's chat template renders it; messages are objects with role, content, tool_calls ... The template
    /// itself writes the special tokens, so none is added; it sees those of <see cref="SpecialTokens"/> as bos_token, eos_token ...
    /// </summary>
    /// <exception cref="ChatTemplateException">There is no template, it fails, or it refuses the messages.</exception>
    public ChatEncoding ApplyChatTemplate(JsonArray messages, ChatTemplateOptions? options = null) =>
        ChatEncoding.Of(this, messages, options ?? new ChatTemplateOptions());

    /// <summary>The text of ids; ids that no token has are left out.</summary>
    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens = true)
    {
        if (Model is ForeignModel foreign)
            return foreign.Decode(ids, skipSpecialTokens);
        var tokens = new List<string>();
        foreach (var id in ids)
        {
            if (DecodableToken(id, skipSpecialTokens) is { } token)
                tokens.Add(token);
        }
        return Decoder is null ? string.Join(' ', tokens) : string.Concat(Decoder.Decode(tokens));
    }

    /// <summary>The text of tokens as the vocabulary spells them, or of pieces of text already put together so.</summary>
    public string Join(IEnumerable<string> tokens) =>
        Decoder is null ? string.Join(' ', tokens) : string.Concat(Decoder.Decode([.. tokens]));

    /// <summary>What marks a token that goes on with a word ("##"); null: nothing does.</summary>
    public string? ContinuationMark => Model switch
    {
        WordPieceModel pieces => pieces.Prefix,
        BytePairModel pairs => pairs.ContinuationMark,
        _ => null,
    };

    /// <summary>A decoder for ids that come one by one, as in generation.</summary>
    public StreamDecoder StreamDecoder(bool skipSpecialTokens = true) => new(this, skipSpecialTokens);

    /// <summary>
    /// The bytes of UTF-8 that an id adds in the midst of a text, which need not be whole characters; none for special tokens and ids that
    /// no token has.
    /// </summary>
    public byte[] TokenBytes(int id)
    {
        if (DecodableToken(id, skipSpecialTokens: true) is not { } token)
            return [];
        if (Model is ForeignModel foreign)
            return Utf8.Bytes(foreign.Decode([id], skipSpecialTokens: true));
        if (Decoder is null)
            return Utf8.Bytes(token);
        _decodesBytes ??= string.Concat(Decoder.Decode([ByteAlphabet.Character((byte)' ').ToString()])) == " ";
        if (_decodesBytes.Value)
            return ByteAlphabet.Translate(Utf8.Bytes(token)) ?? Utf8.Bytes(token);
        if (token is ['<', '0', 'x', _, _, '>'] && byte.TryParse(token.AsSpan(3, 2), NumberStyles.HexNumber, null, out var value))
            return [value];
        return Utf8.Bytes(string.Concat(Decoder.Decode(["x", token]))[1..]); // the first token may lose a space
    }

    /// <summary>Calls <paramref name="use"/> with each piece that the model would be given, added tokens included.</summary>
    internal void ForEachPiece(string text, Encoder.PieceAction use) => _encoder.ForEachPiece(text, use);

    /// <summary>The template of a source, read once.</summary>
    internal ChatTemplate ChatTemplate(string source) => _chatTemplates.GetOrAdd(source, Templates.ChatTemplate.Parse);

    internal string? DecodableToken(int id, bool skipSpecialTokens)
    {
        var token = Added.Text(id) ?? (Model.Vocabulary.TryToken(id, out var text) ? Utf8.Text(text) : null);
        return token is null || (skipSpecialTokens && Added.IsSpecial(token)) ? null : token;
    }
}
