using static TransformerTorch.Text.Patterns.RegexNode;

namespace TransformerTorch.Text.Patterns;

/// <summary>The steps of the matcher.</summary>
internal enum Operation
{
    /// <summary>Takes a character of the set.</summary>
    Set,

    /// <summary>Takes as many characters of the set as there are, from Low to High, and gives them back one by one.</summary>
    Run,

    /// <summary>The same, but gives nothing back.</summary>
    PossessiveRun,

    /// <summary>Goes on at Low, and if that fails at High.</summary>
    Split,

    /// <summary>Goes on at Low.</summary>
    Jump,

    /// <summary>Asks for the place Low.</summary>
    At,

    /// <summary>Asks whether the part from here to Low matches ahead; High: 0 it must, 1 it must not.</summary>
    Ahead,

    /// <summary>Asks whether the part from here to Low matches behind; High: 0 it must, 1 it must not.</summary>
    Behind,

    /// <summary>Takes the first match of the part from here to Low, for good.</summary>
    Atomic,

    /// <summary>Notes the position in the slot Low.</summary>
    Mark,

    /// <summary>Goes on at High if nothing was taken since the slot Low was noted.</summary>
    Progress,

    /// <summary>The end of the pattern, or of a part.</summary>
    Match,
}

/// <summary>One step.</summary>
internal readonly record struct Instruction(Operation Operation, int Low = 0, int High = 0, CharacterSet? Set = null);

/// <summary>A regular expression as steps.</summary>
internal sealed class RegexProgram
{
    private const int MaxSteps = 20_000;
    private readonly List<Instruction> _steps = [];

    public int Slots { get; private set; }

    /// <exception cref="TokenizerException">Repetitions within repetitions make the pattern too long.</exception>
    public static (Instruction[] Steps, int Slots) Compile(RegexNode node, string pattern)
    {
        var program = new RegexProgram();
        try
        {
            program.Add(node);
        }
        catch (InvalidOperationException)
        {
            throw new TokenizerException($"the regular expression '{pattern}' is too long: over {MaxSteps} steps");
        }
        program.Emit(new Instruction(Operation.Match));
        return ([.. program._steps], program.Slots);
    }

    private int Emit(Instruction instruction)
    {
        if (_steps.Count >= MaxSteps)
            throw new InvalidOperationException();
        _steps.Add(instruction);
        return _steps.Count - 1;
    }

    private void Add(RegexNode node)
    {
        switch (node)
        {
            case Set set:
                Emit(new Instruction(Operation.Set, Set: set.Characters));
                break;
            case Sequence sequence:
                foreach (var item in sequence.Items)
                    Add(item);
                break;
            case Choice choice:
                AddChoice(choice.Items, 0);
                break;
            case Repeat repeat:
                AddRepeat(repeat);
                break;
            case At at:
                Emit(new Instruction(Operation.At, (int)at.Place));
                break;
            case Look look:
                AddPart(look.Behind ? Operation.Behind : Operation.Ahead, look.Item, look.Negative ? 1 : 0);
                break;
            case Atomic atomic:
                AddPart(Operation.Atomic, atomic.Item, 0);
                break;
        }
    }

    private void AddPart(Operation operation, RegexNode item, int high)
    {
        var start = Emit(default);
        Add(item);
        Emit(new Instruction(Operation.Match));
        _steps[start] = new Instruction(operation, _steps.Count, high);
    }

    private void AddChoice(IReadOnlyList<RegexNode> items, int from)
    {
        var ends = new List<int>();
        for (var i = from; i < items.Count - 1; i++)
        {
            var split = Emit(default);
            Add(items[i]);
            ends.Add(Emit(default));
            _steps[split] = new Instruction(Operation.Split, split + 1, _steps.Count);
        }
        Add(items[^1]);
        foreach (var end in ends)
            _steps[end] = new Instruction(Operation.Jump, _steps.Count);
    }

    private void AddRepeat(Repeat repeat)
    {
        var item = repeat.Item is Sequence { Items: [var only] } ? only : repeat.Item;
        if (item is Set set && repeat.Greed != Greed.Lazy)
        {
            var run = repeat.Greed == Greed.Possessive ? Operation.PossessiveRun : Operation.Run;
            Emit(new Instruction(run, repeat.Min, repeat.Max, set.Characters));
            return;
        }
        if (repeat.Greed == Greed.Possessive)
        {
            AddPart(Operation.Atomic, repeat with { Greed = Greed.Greedy }, 0);
            return;
        }
        for (var i = 0; i < repeat.Min; i++)
            Add(item);
        if (repeat.Max == int.MaxValue)
            AddLoop(item, repeat.Greed);
        else
            AddOptional(item, repeat.Max - repeat.Min, repeat.Greed);
    }

    private void AddLoop(RegexNode item, Greed greed)
    {
        var slot = Slots++;
        var split = Emit(default);
        Emit(new Instruction(Operation.Mark, slot));
        Add(item);
        var progress = Emit(default);
        Emit(new Instruction(Operation.Jump, split));
        _steps[progress] = new Instruction(Operation.Progress, slot, _steps.Count);
        _steps[split] = Branch(greed, split + 1, _steps.Count);
    }

    private void AddOptional(RegexNode item, int count, Greed greed)
    {
        var splits = new List<int>();
        for (var i = 0; i < count; i++)
        {
            splits.Add(Emit(default));
            Add(item);
        }
        foreach (var split in splits)
            _steps[split] = Branch(greed, split + 1, _steps.Count);
    }

    private static Instruction Branch(Greed greed, int into, int past) =>
        greed == Greed.Lazy ? new Instruction(Operation.Split, past, into) : new Instruction(Operation.Split, into, past);
}
