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
            SchemaReader.RequireStack();
            var found = -1; // where it comes to nothing, the rule may be asked again
            try
            {
                _least = Never; // while it is being found: what needs itself is endless
                return found = Math.Min(Never, FindLeast());
            }
            finally
            {
                _least = found;
            }
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

/// <summary>A rule that stands for another, which is made when it is first needed: what there is to come may be endless.</summary>
internal abstract class Unfolding : Rule
{
    private Rule? _made;

    public Rule Made => _made ??= Make();

    protected abstract Rule Make();
}

/// <summary>A rule that schemas may refer to from within itself.</summary>
internal sealed class Deferred(Func<Rule> make) : Unfolding
{
    protected override Rule Make() => make();

    protected override int FindLeast() => Made.Least;
}

/// <summary>
/// The same several times, with a rule between; if asked for, at least so many of them are of another rule, which what fits it fits too.
/// </summary>
internal sealed class Repeat : Unfolding
{
    private readonly Kind _kind;
    private readonly int _count, _special; // that have come

    public Repeat(Rule item, Rule between, int least, int most, Rule? special = null, int leastSpecial = 0)
        : this(new Kind(item, between, least, most, special, leastSpecial), 0, 0) { }

    private Repeat(Kind kind, int count, int special) => (_kind, _count, _special) = (kind, count, special);

    protected override Rule Make()
    {
        var (k, missing) = (_kind, _kind.LeastSpecial - _special);
        var rest = new List<Rule>();
        if (_count < k.Most) rest.Add(After(k.Item, _special));
        if (_count < k.Most && missing > 0) rest.Add(After(k.Special!, _special + 1));
        if (_count >= k.Least && missing <= 0) rest.Add(new Series());
        return rest.Count == 1 ? rest[0] : new Choice([.. rest]);

        Series After(Rule next, int special)
            => _count == 0 ? new Series(next, k.From(1, special)) : new Series(k.Between, next, k.From(_count + 1, special));
    }

    // Not by way of what is made: a million items would be a million calls deep.
    protected override int FindLeast()
    {
        var (k, special) = (_kind, (long)_kind.LeastSpecial - _special);
        var items = Math.Max(k.Least - _count, special);
        if (items <= 0) return 0;
        if (_count + items > k.Most) return Never;
        var plain = items == special ? 0 : (items - special) * k.Item.Least;
        var between = (_count == 0 ? items - 1 : items) * k.Between.Least;
        return (int)Math.Min(Never, plain + between + (special == 0 ? 0 : special * k.Special!.Least));
    }

    private sealed record Kind(Rule Item, Rule Between, int Least, int Most, Rule? Special, int LeastSpecial)
    {
        private readonly Dictionary<(int, int), Repeat> _known = [];

        /// <summary>What may follow when so many have come: counts beyond the least are alike where there is no most.</summary>
        public Repeat From(int count, int special)
        {
            if (Most == int.MaxValue) count = Math.Min(count, Math.Max(Least, 1));
            return _known.TryGetValue((count, special), out var known) ? known
                : _known[(count, special)] = new Repeat(this, count, special);
        }
    }
}

/// <summary>Some of these, each at most once, in any order, with a rule between.</summary>
internal sealed class Distinct : Unfolding
{
    private readonly Kind _kind;
    private readonly UInt128 _used; // by option
    private readonly int _count;

    public Distinct(IReadOnlyList<Rule> options, Rule between, int least, int most)
        : this(new Kind([.. options.OrderBy(o => o.Least)], between, least, most), 0, 0) { }

    private Distinct(Kind kind, UInt128 used, int count) => (_kind, _used, _count) = (kind, used, count);

    /// <summary>The most options.</summary>
    public const int MostOptions = 128;

    protected override Rule Make()
    {
        var rest = new List<Rule>();
        for (var i = 0; i < _kind.Options.Length && _count < _kind.Most; i++)
        {
            if (IsUsed(i)) continue;
            var next = _kind.From(_used | (UInt128.One << i), _count + 1);
            rest.Add(_count == 0 ? new Series(_kind.Options[i], next) : new Series(_kind.Between, _kind.Options[i], next));
        }
        if (_count >= _kind.Least) rest.Add(new Series());
        return new Choice([.. rest]);
    }

    protected override int FindLeast()
    {
        var missing = Math.Max(0, _kind.Least - _count);
        if (_kind.Least > Math.Min(_kind.Most, _kind.Options.Length)) return Never;
        var between = Math.Max(0, _count == 0 ? missing - 1 : missing) * (long)_kind.Between.Least;
        var shortest = _kind.Options.Where((_, i) => !IsUsed(i)).Take(missing).Sum(o => (long)o.Least);
        return (int)Math.Min(Never, between + shortest);
    }

    private bool IsUsed(int option) => ((_used >> option) & UInt128.One) != UInt128.Zero;

    // The shortest options first.
    private sealed record Kind(Rule[] Options, Rule Between, int Least, int Most)
    {
        private readonly Dictionary<UInt128, Distinct> _known = [];

        public Distinct From(UInt128 used, int count)
            => _known.TryGetValue(used, out var known) ? known : _known[used] = new Distinct(this, used, count);
    }
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
