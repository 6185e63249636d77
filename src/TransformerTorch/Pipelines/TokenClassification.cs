using TransformerTorch.Models;
using TransformerTorch.Text;
using static TorchSharp.torch;

namespace TransformerTorch.Pipelines;

/// <summary>How labels of tokens become entities. The names are the reference's.</summary>
public enum Aggregation
{
    /// <summary>Each token by itself.</summary>
    None,

    /// <summary>Neighbours of one kind together.</summary>
    Simple,

    /// <summary>So too, and a word has the label of its first token.</summary>
    First,

    /// <summary>So too, and a word has the label that its tokens' mean says.</summary>
    Average,

    /// <summary>So too, and a word has the label of its surest token.</summary>
    Max,
}

/// <summary>Something named in a text.</summary>
/// <param name="Label">what it is; without B- and I- where tokens were put together</param>
/// <param name="Score">how sure that is</param>
/// <param name="Word">its text, as the tokenizer gives it back</param>
/// <param name="Start">where it begins, in characters</param>
/// <param name="End">where it ends</param>
public readonly record struct Entity(string Label, float Score, string Word, int Start, int End);

/// <summary>Names in texts. <c>TokenClassification.Load(folder).Run("Anna lives in Rome")</c></summary>
public sealed class TokenClassification : IDisposable
{
    private readonly PipelineModel<TokenClassifier> _model;

    private TokenClassification(PipelineModel<TokenClassifier> model) => _model = model;

    /// <inheritdoc cref="TextClassification.Load"/>
    public static TokenClassification Load(string folder, Device? device = null) => new(new(folder, device));

    /// <summary>One text's entities, in order.</summary>
    public IReadOnlyList<Entity> Run(string text, Aggregation aggregation = Aggregation.Simple) => Run([text], aggregation)[0];

    /// <summary>Each text's entities, in order; what is labelled O is none.</summary>
    public IReadOnlyList<Entity>[] Run(IReadOnlyList<string> texts, Aggregation aggregation = Aggregation.Simple)
    {
        var encodings = _model.Tokenizer.EncodeBatch(texts);
        var scores = _model.Scores(encodings, _model.Model.Logits);
        return [.. texts.Select((text, i) => (IReadOnlyList<Entity>)
            [.. Entities(Parts(text, encodings[i], scores[i]), aggregation).Where(e => e.Label != "O")])];
    }

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    private sealed record Part(string Word, float[] Chances, int Start, int End, bool GoesOn);

    private List<Part> Parts(string text, Encoding encoding, float[,] scores)
    {
        var (parts, unknown) = (new List<Part>(), _model.Tokenizer.SpecialTokens.Unk is { } unk ? _model.Tokenizer.TokenToId(unk) : null);
        for (var i = 0; i < encoding.Count; i++)
        {
            if (encoding.SpecialTokensMask[i] == 1) continue;
            var (start, end) = encoding.Offsets[i];
            var (word, own) = (encoding.Tokens[i], text[start..end]);
            // Where nothing marks a token that goes on, a space before it or at its beginning tells a new word.
            var goesOn = _model.Tokenizer.ContinuationMark is not null ? word.Length != own.Length
                : start > 0 && !text[(start - 1)..Math.Min(start + 1, text.Length)].Contains(' ', StringComparison.Ordinal);
            if (encoding.Ids[i] == unknown) (word, goesOn) = (own, false);
            parts.Add(new Part(word, Probabilities.Softmax(Probabilities.Row(scores, i)), start, end, goesOn));
        }
        return parts;
    }

    private IEnumerable<Entity> Entities(List<Part> parts, Aggregation aggregation)
    {
        if (aggregation == Aggregation.None) return parts.Select(p => Labelled([p], p.Chances, p.Word));
        var labelled = aggregation == Aggregation.Simple ? parts.Select(p => Labelled([p], p.Chances, p.Word))
            : Grouped(parts, (_, next) => next.GoesOn)
                .Select(word => Labelled(word, Decide(word, aggregation), Joined(word.Select(p => p.Word))));
        return Grouped(labelled, (last, next) => !next.Label.StartsWith("B-", StringComparison.Ordinal) && Kind(last) == Kind(next))
            .Select(same => new Entity(
                same[0].Label[(same[0].Label.IndexOf('-', StringComparison.Ordinal) + 1)..], same.Average(e => e.Score),
                Joined(same.Select(e => e.Word)), same[0].Start, same[^1].End));
    }

    private Entity Labelled(IReadOnlyList<Part> parts, float[] chances, string word)
    {
        var likeliest = Probabilities.Likeliest(chances);
        return new Entity(_model.Label(likeliest), chances[likeliest], word, parts[0].Start, parts[^1].End);
    }

    private static float[] Decide(IReadOnlyList<Part> word, Aggregation aggregation) => aggregation switch
    {
        Aggregation.First => word[0].Chances,
        Aggregation.Max => word.MaxBy(p => p.Chances.Max())!.Chances,
        _ => [.. word[0].Chances.Select((_, label) => word.Average(p => p.Chances[label]))],
    };

    private string Joined(IEnumerable<string> words) => _model.Tokenizer.Join(words);

    private static string Kind(Entity entity) => entity.Label is ['B' or 'I', '-', .. var kind] ? kind : entity.Label;

    private static List<List<T>> Grouped<T>(IEnumerable<T> items, Func<T, T, bool> belongs)
    {
        var groups = new List<List<T>>();
        foreach (var item in items)
        {
            if (groups.Count > 0 && belongs(groups[^1][^1], item)) groups[^1].Add(item);
            else groups.Add([item]);
        }
        return groups;
    }
}
