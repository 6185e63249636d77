using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Patterns;

/// <summary>Runs the steps of a regular expression: backtracking on a stack of its own, with a bound on the steps of one search.</summary>
internal sealed class RegexMatcher
{
    private const int NoMatch = -1;
    private const int TooManySteps = -2;
    private const long FreeSteps = 10_000_000;
    private const int MaxFrames = 10_000_000;

    // A way not yet tried: go on with a step at a position; for a run, down to its floor; for a slot (step -1 - n), its former value.
    private readonly record struct Frame(int Step, int At, int Floor);

    private Frame[] _frames = new Frame[256];
    private int _frameCount;
    private int[] _slots = [];
    private long _stepsLeft;
    private int _searchStart;

    /// <summary>Whether there is a match at or behind <paramref name="from"/>; null: the steps were too many.</summary>
    public bool? Find(Instruction[] steps, int slots, ReadOnlySpan<byte> text, int from, out int start, out int end)
    {
        if (_slots.Length < slots)
            _slots = new int[slots];
        _stepsLeft = FreeSteps + 16L * text.Length;
        _searchStart = from;
        for (start = from; start <= text.Length; start += start < text.Length ? Utf8.LengthFromFirst(text[start]) : 1)
        {
            // A set at the beginning passes over what cannot begin a match.
            if (steps[0].Operation == Operation.Set && (start == text.Length || !Begins(steps[0].Set!, text, start)))
                continue;
            _frameCount = 0;
            end = Run(steps, 0, text, start);
            if (end >= 0)
                return true;
            if (end == TooManySteps)
                return null;
        }
        (start, end) = (0, 0);
        return false;
    }

    private static bool Begins(CharacterSet set, ReadOnlySpan<byte> text, int at) => set.Contains(Utf8.Next(text, ref at));

    /// <summary>The end of the match that begins at <paramref name="at"/>.</summary>
    private int Run(Instruction[] steps, int step, ReadOnlySpan<byte> text, int at)
    {
        var floor = _frameCount;
        while (true)
        {
            if (--_stepsLeft < 0 || _frameCount > MaxFrames)
                return TooManySteps;
            ref readonly var current = ref steps[step];
            var holds = true;
            switch (current.Operation)
            {
                case Operation.Match:
                    RestoreSlots(floor);
                    return at;
                case Operation.Set:
                    holds = at < text.Length && current.Set!.Contains(Utf8.Next(text, ref at));
                    step++;
                    break;
                case Operation.Run or Operation.PossessiveRun:
                    holds = TakeRun(current, step, text, ref at);
                    step++;
                    break;
                case Operation.Split:
                    Push(new Frame(current.High, at, at));
                    step = current.Low;
                    break;
                case Operation.Jump:
                    step = current.Low;
                    break;
                case Operation.At:
                    holds = IsAt((Place)current.Low, text, at);
                    step++;
                    break;
                case Operation.Mark:
                    Push(new Frame(-1 - current.Low, _slots[current.Low], 0));
                    _slots[current.Low] = at;
                    step++;
                    break;
                case Operation.Progress:
                    step = _slots[current.Low] == at ? current.High : step + 1;
                    break;
                default:
                    var found = RunPart(current.Operation, steps, step + 1, text, at);
                    if (found == TooManySteps)
                        return TooManySteps;
                    holds = (found >= 0) == (current.High == 0);
                    at = current.Operation == Operation.Atomic && holds ? found : at;
                    step = current.Low;
                    break;
            }
            if (!holds && !Backtrack(steps, text, floor, ref step, ref at))
                return NoMatch;
        }
    }

    private int RunPart(Operation operation, Instruction[] steps, int step, ReadOnlySpan<byte> text, int at)
    {
        var floor = _frameCount;
        if (operation != Operation.Behind)
        {
            var end = Run(steps, step, text, at);
            _frameCount = floor;
            return end;
        }
        for (var start = at; ; Utf8.Previous(text, ref start))
        {
            var end = Run(steps, step, text[..at], start);
            _frameCount = floor;
            if (end == at || end == TooManySteps)
                return end;
            if (start == 0)
                return NoMatch;
        }
    }

    private bool TakeRun(in Instruction run, int step, ReadOnlySpan<byte> text, ref int at)
    {
        var (count, floor) = (0, at);
        while (count < run.High && at < text.Length)
        {
            var next = at;
            if (!run.Set!.Contains(Utf8.Next(text, ref next)))
                break;
            at = next;
            if (++count == run.Low)
                floor = at;
        }
        _stepsLeft -= count;
        if (run.Operation == Operation.Run && count > run.Low)
            Push(new Frame(step, at, floor));
        return count >= run.Low;
    }

    private bool Backtrack(Instruction[] steps, ReadOnlySpan<byte> text, int floor, ref int step, ref int at)
    {
        while (_frameCount > floor)
        {
            ref var frame = ref _frames[_frameCount - 1];
            if (frame.Step < 0)
            {
                _slots[-1 - frame.Step] = frame.At;
                _frameCount--;
                continue;
            }
            if (steps[frame.Step].Operation != Operation.Run || frame.Floor == frame.At)
            {
                (step, at) = (frame.Step, frame.At);
                _frameCount--;
                return true;
            }
            // The run gives one character back and may give more.
            at = frame.At;
            Utf8.Previous(text, ref at);
            step = frame.Step + 1;
            if (at > frame.Floor)
                frame = frame with { At = at };
            else
                _frameCount--;
            return true;
        }
        return false;
    }

    private void RestoreSlots(int floor)
    {
        for (var i = _frameCount - 1; i >= floor && floor > 0; i--)
        {
            if (_frames[i].Step < 0)
                _slots[-1 - _frames[i].Step] = _frames[i].At;
        }
    }

    private void Push(Frame frame)
    {
        if (_frameCount == _frames.Length)
            Array.Resize(ref _frames, _frameCount * 2);
        _frames[_frameCount++] = frame;
    }

    private bool IsAt(Place place, ReadOnlySpan<byte> text, int at) => place switch
    {
        Place.TextStart => at == 0,
        Place.TextEnd => at == text.Length,
        Place.TextEndOrLastBreak => at == text.Length || (at == text.Length - 1 && text[at] == '\n'),
        Place.LineStart => at == 0 || (text[at - 1] == '\n' && at < text.Length),
        Place.LineEnd => at == text.Length || text[at] == '\n',
        Place.SearchStart => at == _searchStart,
        Place.WordBoundary => IsWordBoundary(text, at),
        _ => !IsWordBoundary(text, at),
    };

    private static bool IsWordBoundary(ReadOnlySpan<byte> text, int at)
    {
        var (before, behind) = (at, at);
        var wordBefore = at > 0 && CodePoints.Is(Utf8.Previous(text, ref before), CodePoints.Word);
        var wordBehind = at < text.Length && CodePoints.Is(Utf8.Next(text, ref behind), CodePoints.Word);
        return wordBefore != wordBehind;
    }
}
