using System.Runtime.CompilerServices;
using TransformerTorch.Generation;
using TransformerTorch.Generation.Batching;
using TransformerTorch.Models;
using TransformerTorch.Text;

namespace TransformerTorch.AI;

/// <summary>What writes the texts of a served model, for any number of callers at once.</summary>
internal interface ITextWriter
{
    /// <summary>The most tokens that a text may have, <see cref="Width"/> included.</summary>
    int Longest { get; }

    /// <summary>A text's tokens before any is generated, where its prompt has so many.</summary>
    int Width(int prompt);

    /// <summary>The ids of a prompt.</summary>
    IReadOnlyList<int> Encode(string prompt);

    /// <summary>Writes a text; leaving the enumeration cancels it.</summary>
    IAsyncEnumerable<TextPiece> Stream(BatchRequest request, CancellationToken cancellation);
}

/// <summary>A decoder's: all texts take their steps together.</summary>
internal sealed class DecoderWriter(BatchEngine engine, CausalLanguageModel model, Tokenizer tokenizer) : ITextWriter
{
    private readonly BatchTextGenerator _texts = new(engine, model, tokenizer);

    public int Longest => Math.Min(model.Config.ContextLength, engine.Longest);

    public int Width(int prompt) => prompt;

    public IReadOnlyList<int> Encode(string prompt) => _texts.Encode(prompt);

    public IAsyncEnumerable<TextPiece> Stream(BatchRequest request, CancellationToken cancellation) => _texts.Stream(request, cancellation);
}

/// <summary>An encoder-decoder's: the texts under way take turns, a token each; where there are beams, a whole text.</summary>
internal sealed class EncoderDecoderWriter(ServedModel served, SequenceToSequenceModel model) : ITextWriter
{
    private const int Usual = 1024; // T5's relative positions know no end, and room is made ahead
    private readonly TextGenerator _texts = new(model, served.Tokenizer);

    public int Longest => Math.Min(model.Config.ContextLength, served.Options.CachedTokens > 0 ? served.Options.CachedTokens : Usual);

    public int Width(int prompt) => 1;

    public IReadOnlyList<int> Encode(string prompt) => _texts.Encode(prompt);

    public IAsyncEnumerable<TextPiece> Stream(BatchRequest request, CancellationToken cancellation)
    {
        if (request.LogProbabilities is not null) throw new ArgumentException("an encoder-decoder's probabilities are not told");
        return request.Prompt.Count <= Longest ? Pieces(request, cancellation)
            : throw new ArgumentException($"a prompt of {request.Prompt.Count} tokens, there is room for {Longest}");
    }

    private async IAsyncEnumerable<TextPiece> Pieces(
        BatchRequest request, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var admitted = served.Admit();
        await served.Places.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            using var pieces = _texts.Stream(request.Prompt, request.Options, cancellation).GetEnumerator();
            while (await served.InTurnAsync(pieces.MoveNext, cancellation).ConfigureAwait(false)) yield return pieces.Current;
        }
        finally
        {
            served.Places.Release();
        }
    }
}
