using TransformerTorch.Generation.Grammars;
using TransformerTorch.Text;

namespace TransformerTorch.Tests.Support;

/// <summary>Texts under a constraint, drawn blindly among GPT-2's tokens that are allowed.</summary>
internal static class BlindDraws
{
    private const int End = 0;

    public static Tokenizer Tokenizer { get; } = Tokenizer.FromFile(Path.Combine(Fixtures.Root, "tokenizers", "gpt2", "tokenizer.json"));

    /// <summary>Constraints over these tokens, of the caller's own.</summary>
    public static JsonConstraints Constraints() => new(() => new TokenTrie(Tokenizer, Tokenizer.VocabularySize));

    /// <summary>A text of so many tokens at most; of those that are liked, seven in eight are drawn where any is allowed.</summary>
    public static string Draw(JsonConstraint constraint, int most, Random random, IReadOnlySet<int>? liked = null)
    {
        var ids = new List<int>();
        for (var left = most; left > 0; left--)
        {
            var scores = new float[Tokenizer.VocabularySize];
            constraint.Apply(scores, [End], left);
            int[] allowed = [.. Enumerable.Range(0, scores.Length).Where(i => scores[i] == 0)];
            if (liked is not null)
            {
                int[] some = [.. allowed.Where(liked.Contains)];
                if (some.Length > 0 && random.Next(8) > 0) allowed = some;
            }
            var id = allowed[random.Next(allowed.Length)];
            if (id == End) break;
            ids.Add(id);
            if (constraint.Accept(id)) break;
        }
        return Tokenizer.Decode(ids);
    }
}
