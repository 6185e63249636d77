using System.Runtime.CompilerServices;
using System.Text;
using TransformerTorch.Models;
using TransformerTorch.Text;

namespace TransformerTorch.Generation;

/// <summary>Why a text ended.</summary>
public enum FinishReason
{
    /// <summary>By an end token or a stop text.</summary>
    Stop,

    /// <summary>By the most new tokens allowed, or at the end of the model's context.</summary>
    Length,
}

/// <summary>A piece of a text as it comes.</summary>
/// <param name="Id">the token just generated; null in a piece that only ends the text</param>
/// <param name="Text">what became readable with it, often nothing</param>
/// <param name="Finish">set in the last piece only</param>
public readonly record struct TextPiece(int? Id, string Text, FinishReason? Finish)
{
    /// <summary>The token's log probability, where it was asked for.</summary>
    public float? LogProbability { get; init; }

    /// <summary>The likeliest tokens in its place, where they were asked for.</summary>
    public IReadOnlyList<TokenProbability>? Likeliest { get; init; }

    /// <summary>Tokens of the prompt that were not read, because an engine held them already.</summary>
    public int HeldTokens { get; init; }
}

/// <summary>A token and its log probability before anything is left out or favoured.</summary>
public readonly record struct TokenProbability(int Id, float LogProbability);

/// <summary>A whole generated text.</summary>
public sealed record GeneratedText(IReadOnlyList<int> Ids, string Text, FinishReason Finish);

/// <summary>Text in, text out: a tokenizer around a <see cref="TokenGenerator"/>.</summary>
public sealed class TextGenerator(LanguageModel model, Tokenizer tokenizer)
{
    private readonly TokenGenerator _tokens = new(model);

    /// <summary>Continues a text piece by piece; an empty one from the model's beginning of text.</summary>
    /// <exception cref="ArgumentException">The prompt fills the model's context, or is empty and the model has no beginning of
    /// text.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; takes effect between tokens.</exception>
    public IEnumerable<TextPiece> Stream(string prompt, GenerationOptions options, CancellationToken cancellation = default)
        => Stream(Encode(prompt), options, cancellation);

    /// <inheritdoc cref="Stream(string, GenerationOptions, CancellationToken)"/>
    public IEnumerable<TextPiece> Stream(
        IReadOnlyList<int> prompt, GenerationOptions options, CancellationToken cancellation = default)
    {
        var text = new TextAssembly(tokenizer, options.StopTexts);
        var ends = options.EndTokens ?? model.Config.EndTokens;
        foreach (var id in _tokens.Stream(prompt, options, cancellation))
        {
            var piece = text.Add(id, ends: ends.Contains(id));
            yield return piece;
            if (piece.Finish is not null) yield break;
        }
        yield return text.Finish();
    }

    /// <summary>
    /// Continues a text piece by piece, each computed off the caller's thread when it is asked for; where there are beams, all when the
    /// first is. For one text of a model at a time: a <see cref="Batching.BatchEngine"/> continues many, of decoders.
    /// </summary>
    /// <inheritdoc cref="Stream(string, GenerationOptions, CancellationToken)"/>
    public async IAsyncEnumerable<TextPiece> StreamAsync(
        string prompt, GenerationOptions options, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var pieces = Stream(prompt, options, cancellation).GetEnumerator();
        while (await Task.Run(pieces.MoveNext, cancellation).ConfigureAwait(false)) yield return pieces.Current;
    }

    /// <summary>The ids of a prompt; of an empty one, the model's beginning of text.</summary>
    public IReadOnlyList<int> Encode(string prompt) => Encode(prompt, model, tokenizer);

    internal static IReadOnlyList<int> Encode(string prompt, LanguageModel model, Tokenizer tokenizer)
    {
        var ids = tokenizer.EncodeToIds(prompt);
        return ids.Length == 0 && model.Config.BeginToken is { } begin ? [begin] : ids;
    }

    /// <summary>Continues a text to its end.</summary>
    /// <exception cref="ArgumentException">As for the pieces.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public GeneratedText Generate(string prompt, GenerationOptions options, CancellationToken cancellation = default)
    {
        var (ids, text, finish) = (new List<int>(), new StringBuilder(), FinishReason.Length);
        foreach (var piece in Stream(prompt, options, cancellation))
        {
            if (piece.Id is { } id) ids.Add(id);
            text.Append(piece.Text);
            finish = piece.Finish ?? finish;
        }
        return new GeneratedText(ids, text.ToString(), finish);
    }
}

/// <summary>A text put together token by token, up to a stop text.</summary>
internal sealed class TextAssembly(Tokenizer tokenizer, IReadOnlyList<string> stopTexts)
{
    private readonly StreamDecoder _decoder = tokenizer.StreamDecoder();
    private readonly StopTexts _stop = new(stopTexts);

    /// <summary>What becomes readable with a token; <paramref name="ends"/> where it is an end token, which has no text.</summary>
    public TextPiece Add(int id, bool ends)
    {
        var text = _stop.Add(ends ? _decoder.Finish() : _decoder.Add(id));
        if (ends && !_stop.Met) text += _stop.Finish();
        return new TextPiece(id, text, ends || _stop.Met ? FinishReason.Stop : null);
    }

    /// <summary>What was held back of a text that reached its most tokens.</summary>
    public TextPiece Finish()
    {
        var rest = _stop.Add(_decoder.Finish());
        return new TextPiece(null, _stop.Met ? rest : rest + _stop.Finish(), _stop.Met ? FinishReason.Stop : FinishReason.Length);
    }
}

/// <summary>Finds stop texts in a stream: holds back what may be the beginning of one, gives nothing from where one is met.</summary>
internal sealed class StopTexts(IReadOnlyList<string> stops)
{
    private string _held = "";

    /// <summary>A whole text up to where the first stop text stands in it.</summary>
    public static string Cut(string text, IReadOnlyList<string> stops)
    {
        var stop = new StopTexts(stops);
        var certain = stop.Add(text);
        return stop.Met ? certain : certain + stop.Finish();
    }

    /// <summary>Whether a stop text was met.</summary>
    public bool Met { get; private set; }

    /// <summary>Adds text and returns what is certain to stand before any stop text.</summary>
    public string Add(string text)
    {
        if (Met) return "";
        _held += text;
        var at = stops.Select(s => _held.IndexOf(s, StringComparison.Ordinal)).Where(i => i >= 0).DefaultIfEmpty(-1).Min();
        Met = at >= 0;
        var certain = Met ? at : _held.Length - stops.Select(s => Overlap(_held, s)).DefaultIfEmpty(0).Max();
        var result = _held[..certain];
        _held = _held[certain..];
        return result;
    }

    /// <summary>What was held back, at the end of a text without a stop text.</summary>
    public string Finish() => _held;

    /// <summary>How much of the text's end is the stop text's beginning.</summary>
    private static int Overlap(string text, string stop)
    {
        for (var length = Math.Min(text.Length, stop.Length - 1); length > 0; length--)
            if (text.EndsWith(stop[..length], StringComparison.Ordinal)) return length;
        return 0;
    }
}
