using System.Text.Json;
using TransformerTorch.Generation.Batching;

namespace TransformerTorch.Generation.Grammars;

/// <summary>Makes <see cref="JsonConstraint"/>s for one model, and keeps the schemas used last ready.</summary>
public sealed class JsonConstraints(Func<TokenTrie> vocabulary)
{
    private const int MostKept = 32, MostLength = 200_000;
    private readonly Lazy<TokenTrie> _vocabulary = new(vocabulary);
    private readonly Dictionary<(string Schema, string Opening, string Closing), Grammar> _known = [];
    private static readonly JsonElement s_object = JsonDocument.Parse("""{"type":"object"}""").RootElement;

    /// <summary>Any JSON object.</summary>
    public JsonConstraint AnyObject() => Schema(s_object);

    /// <summary>What satisfies a schema.</summary>
    /// <param name="schema">the schema</param>
    /// <param name="opening">what comes before the JSON</param>
    /// <param name="closing">what comes after it</param>
    /// <exception cref="SchemaException">It cannot be followed.</exception>
    public JsonConstraint Schema(JsonElement schema, string opening = "", string closing = "")
    {
        var text = schema.GetRawText();
        if (text.Length > MostLength) throw new SchemaException($"a schema of {text.Length} characters, at most {MostLength} are read");
        var key = (text, opening, closing);
        Grammar? grammar;
        lock (_known) grammar = _known.GetValueOrDefault(key);
        return new JsonConstraint(grammar ?? Keep(), _vocabulary.Value);

        Grammar Keep()
        {
            // Not within the lock: a schema that takes long holds up nobody else.
            var json = SchemaCompiler.Compile(schema.Clone());
            var made = new Grammar(new Series(new Literal(opening), json, new Literal(closing)));
            lock (_known)
            {
                if (_known.Count >= MostKept) _known.Clear();
                return _known.TryAdd(key, made) ? made : _known[key];
            }
        }
    }
}

/// <summary>
/// Has a text be JSON that satisfies a schema. It ends in time: a token is left out if what it begins cannot be brought to an end with the
/// tokens that may still come, given that every byte is a token.
/// </summary>
public sealed class JsonConstraint : ITokenConstraint
{
    private readonly TokenTrie _vocabulary;
    private GrammarState _state;

    internal JsonConstraint(Grammar grammar, TokenTrie vocabulary) => (_state, _vocabulary) = (grammar.Start, vocabulary);

    /// <summary>The fewest tokens that may be asked for.</summary>
    public int LeastTokens => _state.Least;

    /// <inheritdoc/>
    public void Apply(Span<float> scores, IReadOnlyList<int> endTokens, int left)
    {
        var (costs, any) = (_vocabulary.Costs(_state), false);
        for (var id = 0; id < scores.Length; id++)
        {
            var allowed = endTokens.Contains(id) ? _state.IsComplete : id < costs.Length && costs[id] < left;
            any |= allowed && scores[id] > float.NegativeInfinity;
            if (!allowed) scores[id] = float.NegativeInfinity;
        }
        if (!any) throw new SchemaException("no token of this model goes on with what the schema asks for");
    }

    /// <inheritdoc/>
    public bool Accept(int token)
    {
        _state.Begin();
        foreach (var value in _vocabulary.Bytes(token))
            _state = _state.Step(value) ?? throw new InvalidOperationException($"token {token} does not fit the schema");
        return _state.IsFinal;
    }
}
