namespace TransformerTorch.Generation.Grammars;

/// <summary>What a text may be, byte by byte. Rules are compared by identity: a grammar makes each once.</summary>
internal abstract class Rule
{
    /// <summary>More bytes than any text has: nothing satisfies the rule.</summary>
    public const int Never = int.MaxValue / 4;

    private int _least = -1;

    /// <summary>The fewest bytes that satisfy it.</summary>
    public int Least
    {
        get
        {
            if (_least >= 0) return _least;
            _least = Never; // while it is being found: what needs itself is endless
            return _least = Math.Min(Never, FindLeast());
        }
    }

    protected abstract int FindLeast();

    protected static int Sum(IEnumerable<int> parts) => (int)Math.Min(Never, parts.Sum(p => (long)p));
}

/// <summary>One after the other.</summary>
internal sealed class Series(params IReadOnlyList<Rule> parts) : Rule
{
    public IReadOnlyList<Rule> Parts => parts;

    protected override int FindLeast() => Sum(parts.Select(p => p.Least));
}

/// <summary>One of several.</summary>
internal sealed class Choice(params IReadOnlyList<Rule> options) : Rule
{
    public IReadOnlyList<Rule> Options => options;

    protected override int FindLeast() => options.Select(o => o.Least).DefaultIfEmpty(Never).Min();
}

/// <summary>A rule that is made when it is first needed, so that schemas may refer to themselves.</summary>
internal sealed class Deferred(Func<Rule> make) : Rule
{
    private Rule? _made;

    public Rule Made => _made ??= make();

    protected override int FindLeast() => Made.Least;
}

/// <summary>The same several times, with a rule between.</summary>
internal sealed class Repeat(Rule item, Rule between, int least, int most) : Rule
{
    private readonly Dictionary<int, Rule> _rest = [];

    /// <summary>What may follow when so many have come: counts beyond the least are alike where there is no most.</summary>
    public Rule After(int count)
    {
        var alike = most == int.MaxValue ? Math.Min(count, Math.Max(least, 1)) : count;
        if (_rest.TryGetValue(alike, out var known)) return known;
        var next = new Deferred(() => After(alike + 1));
        var more = alike == 0 ? new Series(item, next) : new Series(between, item, next);
        return _rest[alike] = alike >= most ? new Series() : alike >= least ? new Choice(more, new Series()) : more;
    }

    // Not by way of After: a million items would be a million calls deep.
    protected override int FindLeast()
        => least == 0 ? 0 : (int)Math.Min(Never, ((long)item.Least * least) + ((long)between.Least * (least - 1)));
}

/// <summary>Bytes in a row, by states of its own.</summary>
internal abstract class Terminal : Rule
{
    /// <summary>Where it begins.</summary>
    public abstract object Start { get; }

    /// <summary>Where a byte leads; null: it does not fit.</summary>
    public abstract object? Step(object state, byte value);

    /// <summary>Whether it may end here.</summary>
    public abstract bool CanEnd(object state);

    /// <summary>The fewest bytes from here to an end.</summary>
    public abstract int LeastFrom(object state);

    protected override int FindLeast() => LeastFrom(Start);
}

/// <summary>These bytes.</summary>
internal sealed class Literal(byte[] bytes) : Terminal
{
    public Literal(string text) : this(System.Text.Encoding.UTF8.GetBytes(text)) { }

    public override object Start => 0;

    public override object? Step(object state, byte value)
        => (int)state is var at && at < bytes.Length && bytes[at] == value ? at + 1 : null;

    public override bool CanEnd(object state) => (int)state == bytes.Length;

    public override int LeastFrom(object state) => bytes.Length - (int)state;
}
