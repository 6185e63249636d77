using System.Text.Json;
using TransformerTorch.Generation.Batching;

namespace TransformerTorch.Generation.Grammars;

/// <summary>A form that a text may have.</summary>
/// <param name="Schema">what its JSON satisfies</param>
/// <param name="Opening">what comes before the JSON, without quotation marks and braces</param>
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
    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false };
    private readonly Lazy<TokenTrie> _vocabulary = new(vocabulary);
    private readonly Dictionary<string, Grammar> _known = [];

    /// <summary>What satisfies a schema.</summary>
    /// <exception cref="SchemaException">It cannot be followed.</exception>
    public JsonConstraint Schema(JsonElement schema) => OneOf(new JsonForm(schema));

    /// <summary>What has one of these forms.</summary>
    /// <exception cref="SchemaException">One cannot be followed.</exception>
    public JsonConstraint OneOf(params IReadOnlyList<JsonForm> forms)
    {
        if (forms.FirstOrDefault(f => f.Opening.AsSpan().ContainsAny("\"{}")) is { Opening: { } opening })
            throw new ArgumentException($"'{opening}' before JSON: its quotation marks and braces would be read as the JSON's own");
        _vocabulary.Value.Require(string.Concat(forms.Select(f => f.Opening + f.Closing)));
        string[] schemas = [.. forms.Select(f => f.Schema.GetRawText())];
        var length = schemas.Sum(s => s.Length);
        if (length > MostLength) throw new SchemaException($"a schema of {length} characters, at most {MostLength} are read");
        var key = string.Join('\0', forms.Zip(schemas, (form, schema) => $"{form.Opening}\0{schema}\0{form.Closing}"));
        Grammar? grammar;
        lock (_known) grammar = _known.GetValueOrDefault(key);
        return new JsonConstraint(grammar is { IsFull: false } ? grammar : Keep(), _vocabulary.Value);

        Grammar Keep()
        {
            // Not within the lock: a schema that takes long holds up nobody else.
            var made = new Grammar(new Choice([.. forms.Select(Of)]));
            lock (_known)
            {
                if (_known.Count >= MostKept) _known.Clear();
                return _known[key] = made;
            }
        }

        static Rule Of(JsonForm form)
            => new Series(new Literal(form.Opening), SchemaCompiler.Compile(Read(form.Schema)), new Literal(form.Closing));

        static JsonElement Read(JsonElement schema)
        {
            try
            {
                return JsonElement.Parse(schema.GetRawText(), s_strict);
            }
            catch (JsonException e)
            {
                throw new SchemaException($"this schema cannot be read: {e.Message}");
            }
        }
    }
}

/// <summary>
/// Has a text be JSON that satisfies a schema. It ends in time: a token is left out if what it begins cannot be brought to an end with the
/// tokens that may still come, given that every byte is a token. Of ASCII's that is required.
/// </summary>
public sealed class JsonConstraint : ITokenConstraint
{
    private readonly TokenTrie _vocabulary;
    private GrammarState _state;
    private MemberNames _names;

    internal JsonConstraint(Grammar grammar, TokenTrie vocabulary) => (_state, _vocabulary) = (grammar.Start, vocabulary);

    /// <summary>The fewest tokens that may be asked for.</summary>
    public int LeastTokens => _state.Least;

    /// <inheritdoc/>
    public void Apply(Span<float> scores, IReadOnlyList<int> endTokens, int left)
    {
        var (costs, any) = (_vocabulary.Costs(_state), false);
        for (var id = 0; id < scores.Length; id++)
        {
            var allowed = endTokens.Contains(id) ? _state.IsComplete : id < costs.Length && Cost(id, costs[id], left) < left;
            any |= allowed;
            if (!allowed) scores[id] = float.NegativeInfinity;
        }
        if (!any) throw new SchemaException("no token of this model goes on with what the schema asks for");
    }

    /// <inheritdoc/>
    public bool Accept(int token)
    {
        _state.Begin();
        foreach (var value in _vocabulary.Bytes(token))
        {
            _state = _state.Step(value) ?? throw Unfit();
            _names = _names.Step(value) ?? throw Unfit();
        }
        return _state.IsFinal;

        InvalidOperationException Unfit() => new($"token {token} does not fit the schema");
    }

    /// <summary>What a token costs where names count: a name that is there already must become another.</summary>
    private int Cost(int token, int cost, int left)
    {
        if (cost >= left) return cost;
        var bytes = _vocabulary.Bytes(token);
        // Nearly all tokens end no name, and could be followed by a few characters more.
        var isFar = !_names.IsWithin || (cost + MemberNames.Spare < left && !_names.IsNearLimit(bytes.Length));
        if (isFar && !_vocabulary.HasQuote(token)) return cost;
        var names = _names;
        foreach (var value in bytes)
        {
            if (names.Step(value) is not { } next) return Rule.Never;
            names = next;
        }
        if (names.Missing is not (> 0 and var missing)) return cost;
        var state = _state;
        foreach (var value in bytes) state = state.Step(value)!;
        return state.LeastWith(missing);
    }
}
