namespace TransformerTorch.Text.Patterns;

/// <summary>How a repetition gives back what it took.</summary>
internal enum Greed
{
    Greedy,
    Lazy,
    Possessive,
}

/// <summary>Places that a pattern can ask for.</summary>
internal enum Place
{
    LineStart,
    LineEnd,
    TextStart,
    TextEnd,
    TextEndOrLastBreak,
    WordBoundary,
    NoWordBoundary,
    SearchStart,
}

/// <summary>The parts of a regular expression.</summary>
internal abstract record RegexNode
{
    public sealed record Set(CharacterSet Characters) : RegexNode
    {
        /// <summary>The case folding of a character given alone, whose case does not matter.</summary>
        public int? Folded { get; init; }
    }

    public sealed record Sequence(IReadOnlyList<RegexNode> Items) : RegexNode;

    public sealed record Choice(IReadOnlyList<RegexNode> Items) : RegexNode;

    /// <summary>From <paramref name="Min"/> to <paramref name="Max"/> times; int.MaxValue: without end.</summary>
    public sealed record Repeat(RegexNode Item, int Min, int Max, Greed Greed) : RegexNode;

    public sealed record At(Place Place) : RegexNode;

    public sealed record Look(RegexNode Item, bool Behind, bool Negative) : RegexNode;

    public sealed record Atomic(RegexNode Item) : RegexNode;
}
