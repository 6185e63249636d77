namespace TransformerTorch.Generation.Grammars;

/// <summary>
/// Where a text stands in a grammar: all the ways in which it may go on, each a terminal under way and what comes after it. States are made
/// once, when first reached, and remember where bytes lead: a finite automaton that grows as it is used.
/// </summary>
internal sealed class GrammarState
{
    private readonly Grammar _grammar;
    private readonly IReadOnlyList<Way> _ways;
    private readonly GrammarState?[] _next = new GrammarState?[256];
    private readonly bool[] _known = new bool[256];

    internal GrammarState(Grammar grammar, IReadOnlyList<Way> ways, bool isComplete)
    {
        (_grammar, _ways, IsComplete) = (grammar, ways, isComplete);
        Least = isComplete ? 0 : ways.Select(w => w.Least).DefaultIfEmpty(Rule.Never).Min();
    }

    /// <summary>Whether the text may end here.</summary>
    public bool IsComplete { get; }

    /// <summary>The fewest bytes to an end.</summary>
    public int Least { get; }

    /// <summary>The fewest bytes to an end where the name that is under way, if it may be any, takes some more.</summary>
    public int LeastWith(int more)
        => IsComplete ? 0 : _ways.Min(w => (int)Math.Min(Rule.Never, (long)w.Least + (w.Terminal is NameBody ? more : 0)));

    /// <summary>Whether nothing may follow.</summary>
    public bool IsFinal => _ways.Count == 0;

    /// <summary>What follows is another piece of work, of which there is a most.</summary>
    public void Begin() => _grammar.Begin();

    /// <summary>Where a byte leads; null: nowhere.</summary>
    /// <exception cref="SchemaException">It takes too much work to find out.</exception>
    public GrammarState? Step(byte value)
    {
        if (_known[value]) return _next[value];
        _next[value] = _grammar.After(_ways, value);
        _known[value] = true; // only now: it may have been refused
        return _next[value];
    }

    /// <summary>Forgets where bytes lead: what is not in use elsewhere can go.</summary>
    internal void Forget()
    {
        Array.Clear(_next);
        Array.Clear(_known);
    }

    /// <summary>A terminal under way, and the rules after it.</summary>
    internal sealed record Way(Terminal Terminal, object State, Stack? Rest)
    {
        public int Least { get; } = (int)Math.Min(Rule.Never, (long)Terminal.LeastFrom(State) + (Rest?.Least ?? 0));
    }

    /// <summary>Rules still to come, the next first.</summary>
    internal sealed record Stack(Rule Next, Stack? Rest)
    {
        private readonly int _hash = HashCode.Combine(Next, Rest?._hash ?? 0);

        public int Least { get; } = (int)Math.Min(Rule.Never, (long)Next.Least + (Rest?.Least ?? 0));

        public bool Equals(Stack? other)
        {
            // Not by way of itself: a pattern may have as many parts as characters.
            for (var mine = this; !ReferenceEquals(mine, other); (mine, other) = (mine.Rest, other.Rest))
                if (mine is null || other is null || mine._hash != other._hash || mine.Next != other.Next) return false;
            return true;
        }

        public override int GetHashCode() => _hash;
    }
}

/// <summary>A rule as an automaton. Its states are shared by all texts that follow it, one at a time.</summary>
internal sealed class Grammar
{
    private const int MostWays = 4096;
    private const int MostHeld = 200_000, StateSize = 32; // ways and what a state takes beside them: some ten megabytes
    private const int MostWork = 1_000_000; // about a second
    private int _work; // ways and rules that were looked at
    private int _held;
    private readonly Dictionary<Ways, GrammarState> _states = [];

    /// <exception cref="SchemaException">Nothing satisfies the rule, or it can be satisfied in too many ways.</exception>
    public Grammar(Rule rule)
    {
        var (ways, complete) = (new HashSet<GrammarState.Way>(), false);
        Expand(new GrammarState.Stack(rule, null), ways, ref complete);
        Start = State(ways, complete) ?? throw new SchemaException("nothing satisfies this schema");
    }

    public GrammarState Start { get; }

    public void Begin() => _work = 0;

    /// <summary>Whether more came up than is kept. Texts go on; those to come want a new grammar, free of what this one has made.</summary>
    public bool IsFull { get; private set; }

    /// <summary>Whether a text satisfies the rule.</summary>
    public bool Accepts(ReadOnlySpan<byte> text)
    {
        Begin();
        var state = Start;
        foreach (var value in text)
            if ((state = state?.Step(value)) is null) return false;
        return state!.IsComplete;
    }

    internal GrammarState? After(IReadOnlyList<GrammarState.Way> ways, byte value)
    {
        var (next, complete) = (new HashSet<GrammarState.Way>(), false);
        foreach (var (terminal, state, rest) in ways)
        {
            if (terminal.Step(state, value) is not { } after) continue;
            Work(1);
            if (terminal.CanEnd(after)) Expand(rest, next, ref complete);
            Add(next, new GrammarState.Way(terminal, after, rest));
        }
        return State(next, complete);
    }

    private GrammarState? State(HashSet<GrammarState.Way> ways, bool complete)
    {
        if (ways.Count == 0 && !complete) return null;
        var key = new Ways([.. ways], complete);
        if (_states.TryGetValue(key, out var known)) return known;
        if (_held > MostHeld) Forget();
        _held += StateSize + ways.Count;
        return _states[key] = new GrammarState(this, key.All, complete);
    }

    // States in use stay alive by themselves.
    private void Forget()
    {
        (_held, IsFull) = (0, true);
        _states.Clear();
        Start.Forget();
    }

    /// <summary>Adds the terminals that a stack can begin with.</summary>
    private void Expand(GrammarState.Stack? stack, HashSet<GrammarState.Way> ways, ref bool complete)
    {
        var open = new Stack<GrammarState.Stack?>([stack]);
        for (var steps = 0; open.TryPop(out var top); steps++)
        {
            if (steps > 16 * MostWays) throw new SchemaException("this schema is too deep");
            if (top is null)
            {
                complete = true;
                continue;
            }
            if (top.Least >= Rule.Never) continue;
            Work((top.Next as Series)?.Parts.Count ?? 1);
            switch (top.Next)
            {
                case Terminal terminal when terminal.CanEnd(terminal.Start): // an empty literal
                    open.Push(top.Rest);
                    break;
                case Terminal terminal: Add(ways, new GrammarState.Way(terminal, terminal.Start, top.Rest)); break;
                case Unfolding more: open.Push(new(more.Made, top.Rest)); break;
                case Series series:
                    var rest = top.Rest;
                    foreach (var part in series.Parts.Reverse()) rest = new(part, rest);
                    open.Push(rest);
                    break;
                case Choice choice:
                    foreach (var option in choice.Options) open.Push(new(option, top.Rest));
                    break;
            }
        }
    }

    private void Work(int count)
    {
        if ((_work += count) > MostWork) throw new SchemaException("this schema takes too much work to follow");
    }

    private static void Add(HashSet<GrammarState.Way> ways, GrammarState.Way way)
    {
        if (way.Least >= Rule.Never) return;
        if (way.Terminal is Literal && way.Terminal.CanEnd(way.State)) return; // it goes no further
        ways.Add(way);
        if (ways.Count > MostWays) throw new SchemaException($"this schema can be satisfied in more than {MostWays} ways at once");
    }

    /// <summary>Ways, compared as a set.</summary>
    private sealed class Ways(GrammarState.Way[] all, bool complete) : IEquatable<Ways>
    {
        private readonly int _hash = all.Aggregate(complete ? 1 : 0, (hash, way) => hash ^ way.GetHashCode());
        private HashSet<GrammarState.Way>? _set;

        public GrammarState.Way[] All => all;

        public bool Equals(Ways? other) => other is not null && other._hash == _hash && other.All.Length == all.Length
            && other.IsComplete == complete && (_set ??= [.. all]).SetEquals(other.All);

        private bool IsComplete => complete;

        public override bool Equals(object? obj) => Equals(obj as Ways);

        public override int GetHashCode() => _hash;
    }
}

/// <summary>A JSON schema that cannot be followed: it asks for what is not supported, contradicts itself, or is too large.</summary>
public sealed class SchemaException(string message) : ArgumentException(message);
