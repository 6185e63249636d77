using System.Text.Json;
using TransformerTorch.Generation.Batching;

namespace TransformerTorch.Generation.Grammars;

/// <summary>A form that a text may have.</summary>
/// <param name="Schema">what its JSON satisfies</param>
/// <param name="Opening">what comes before the JSON</param>
/// <param name="Closing">what comes after it</param>
public readonly record struct JsonForm(JsonElement Schema, string Opening = "", string Closing = "")
{
    /// <summary>Any JSON object.</summary>
    public static JsonForm AnyObject { get; } = new(JsonDocument.Parse("""{"type":"object"}""").RootElement);
}

/// <summary>Makes <see cref="JsonConstraint"/>s for one model, and keeps those used last ready.</summary>
public sealed class JsonConstraints(Func<TokenTrie> vocabulary)
{
    private const int MostKept = 16, MostLength = 200_000;
    private readonly Lazy<TokenTrie> _vocabulary = new(vocabulary);
    private readonly Dictionary<string, Grammar> _known = [];

    /// <summary>What satisfies a schema.</summary>
    /// <exception cref="SchemaException">It cannot be followed.</exception>
    public JsonConstraint Schema(JsonElement schema) => OneOf(new JsonForm(schema));

    /// <summary>What has one of these forms.</summary>
    /// <exception cref="SchemaException">One cannot be followed.</exception>
    public JsonConstraint OneOf(params IReadOnlyList<JsonForm> forms)
    {
        var key = string.Join('\0', forms.SelectMany(f => new[] { f.Opening, f.Schema.GetRawText(), f.Closing }));
        if (key.Length > MostLength) throw new SchemaException($"a schema of {key.Length} characters, at most {MostLength} are read");
        Grammar? grammar;
        lock (_known) grammar = _known.GetValueOrDefault(key);
        return new JsonConstraint(grammar is { IsFull: false } ? grammar : Keep(), _vocabulary.Value);

        Grammar Keep()
        {
            // Not within the lock: a schema that takes long holds up nobody else.
            var made = new Grammar(new Choice([.. forms.Select(Rule)]));
            lock (_known)
            {
                if (_known.Count >= MostKept) _known.Clear();
                return _known[key] = made;
            }
        }

        static Rule Rule(JsonForm form)
            => new Series(new Literal(form.Opening), SchemaCompiler.Compile(form.Schema.Clone()), new Literal(form.Closing));
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
