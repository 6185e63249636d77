using TransformerTorch.Models;
using TransformerTorch.Text;

namespace TransformerTorch.Generation.Batching;

/// <summary>Text out of a <see cref="BatchEngine"/>, piece by piece, stop texts heeded.</summary>
public sealed class BatchTextGenerator(BatchEngine engine, CausalLanguageModel model, Tokenizer tokenizer)
{
    /// <summary>The ids of a prompt; of an empty one, the model's beginning of text.</summary>
    public IReadOnlyList<int> Encode(string prompt) => TextGenerator.Encode(prompt, model, tokenizer);

    /// <summary>Continues a text; leaving the enumeration cancels the request.</summary>
    /// <inheritdoc cref="BatchEngine.Stream"/>
    public IAsyncEnumerable<TextPiece> Stream(BatchRequest request, CancellationToken cancellation = default)
    {
        var stops = request.Constraint is null ? request.Options.StopTexts : []; // else it says where the text ends
        var (text, held, ended) = (new TextAssembly(tokenizer, stops), 0, false);
        var ends = request.Options.EndTokens ?? model.Config.EndTokens;
        var sink = new ChannelSink<TextPiece>(
            (token, write) =>
            {
                var piece = text.Add(token.Id, ends: ends.Contains(token.Id));
                if (token.Finish == FinishReason.Stop && piece.Finish is null) // by a constraint
                    piece = piece with { Text = piece.Text + text.Finish().Text, Finish = FinishReason.Stop };
                held = token.HeldTokens;
                write(piece with { LogProbability = token.LogProbability, Likeliest = token.Likeliest, HeldTokens = held });
                return ended = piece.Finish is not null;
            },
            write =>
            {
                if (!ended) write(text.Finish() with { HeldTokens = held });
            });
        return sink.Read(engine, engine.Prepare(request, sink), cancellation);
    }
}
