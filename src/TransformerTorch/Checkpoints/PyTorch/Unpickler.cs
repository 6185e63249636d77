using System.Globalization;

namespace TransformerTorch.Checkpoints.PyTorch;

/// <summary>
/// Reads pickles (Python's pickletools.py describes them) of protocols 0 to 5 as far as weights need them. It builds values, calls what
/// <see cref="TorchGlobals"/> lists, and refuses every other name. Work and memory are bounded by the count of instructions.
/// </summary>
internal sealed class Unpickler(PickleInput input)
{
    private const int MostInstructions = 4_000_000; // some 100,000 tensors
    private static readonly object s_mark = new();
    private readonly List<object?> _stack = [];
    private readonly Dictionary<long, object?> _memo = [];

    /// <summary>The next pickle of a file.</summary>
    /// <exception cref="CheckpointException">It is truncated, damaged, too long, or asks for what weights do not need.</exception>
    public static object? Read(PickleInput input) => new Unpickler(input).Run();

    private object? Run()
    {
        try
        {
            for (var count = 0; count < MostInstructions; count++)
            {
                var instruction = input.Byte();
                if (instruction == (byte)'.') return Pop();
                if (!Plain(instruction)) Step((char)instruction);
            }
        }
        catch (Exception e) when (e is FormatException or OverflowException or ArgumentException)
        {
            throw input.Wrong(e.Message);
        }
        throw input.Wrong($"over {MostInstructions} instructions");
    }

    /// <summary>Instructions that only push a value.</summary>
    private bool Plain(byte instruction)
    {
        object? value;
        switch (instruction)
        {
            case (byte)'N': value = null; break;
            case 0x88: value = true; break;
            case 0x89: value = false; break;
            case (byte)'(': value = s_mark; break;
            case (byte)']': value = new PickleList(); break;
            case (byte)'}': value = new PickleDict(); break;
            case (byte)')': value = new PickleTuple([]); break;
            case (byte)'K': value = (long)input.Byte(); break;
            case (byte)'M': value = (long)input.Number16(); break;
            case (byte)'J': value = (long)input.Number32(); break;
            case (byte)'I': value = input.Line() switch { "01" => true, "00" => false, var line => Decimal(line) }; break;
            case (byte)'L': value = Decimal(input.Line().TrimEnd('L')); break;
            case 0x8a: value = input.Integer(input.Byte()); break;
            case 0x8b: value = input.Integer(input.Number32()); break;
            case (byte)'F': value = double.Parse(input.Line(), CultureInfo.InvariantCulture); break;
            case (byte)'G': value = input.Double(); break;
            case (byte)'X': value = input.Text((uint)input.Number32()); break;
            case 0x8c or (byte)'U': value = input.Text(input.Byte()); break;
            case (byte)'T': value = input.Text(input.Number32()); break;
            case 0x8d: value = input.Text(input.Number64()); break;
            case (byte)'V': value = input.Line(); break;
            case (byte)'B': value = input.Bytes((uint)input.Number32()); break;
            case (byte)'C': value = input.Bytes(input.Byte()); break;
            case 0x8e: value = input.Bytes(input.Number64()); break;
            case (byte)'c': value = Global(input.Line(), input.Line()); break;
            default: return false;
        }
        _stack.Add(value);
        return true;
    }

    private void Step(char instruction)
    {
        switch (instruction)
        {
            case '\x80': input.Byte(); break; // protocol
            case '\x95': input.Number64(); break; // frame
            case '0': Pop(); break;
            case '1': Marked(); break;
            case '2': _stack.Add(Top()); break;
            case 'p': _memo[Decimal(input.Line())] = Top(); break;
            case 'q': _memo[input.Byte()] = Top(); break;
            case 'r': _memo[(uint)input.Number32()] = Top(); break;
            case '\x94': _memo[_memo.Count] = Top(); break;
            case 'g': _stack.Add(Remembered(Decimal(input.Line()))); break;
            case 'h': _stack.Add(Remembered(input.Byte())); break;
            case 'j': _stack.Add(Remembered((uint)input.Number32())); break;
            case 't': _stack.Add(new PickleTuple([.. Marked()])); break;
            case '\x85' or '\x86' or '\x87': _stack.Add(new PickleTuple([.. Last(instruction - '\x84')])); break;
            case 'l': Fill(new PickleList(), Marked()); break;
            case 'd': Fill(new PickleDict(), Marked()); break;
            case 'a': Fill(null, Last(1)); break;
            case 'e': Fill(null, Marked()); break;
            case 's': Fill(null, Last(2)); break;
            case 'u': Fill(null, Marked()); break;
            case '\x93': _stack.Add(Last(2) is [string module, string name] ? Global(module, name) : throw Not("a name")); break;
            case 'R' or '\x81': _stack.Add(Call(Last(2))); break;
            case 'b': Build(Pop()); break;
            case 'Q': _stack.Add(Storage(Pop())); break;
            default: throw new FormatException($"an instruction 0x{(int)instruction:x2} that weights do not need");
        }
    }

    private object Global(string module, string name) => TorchGlobals.Find(module, name)
        ?? throw input.Wrong($"it asks for {module}.{name}, which weights do not need and which is not run");

    private static object? Call(List<object?> pair)
        => pair is [PickleFunction function, PickleTuple arguments] ? function.Call(arguments.Items) : throw Not("a call");

    // What a state dict carries beside its tensors (_metadata) is an attribute, and no weight.
    private void Build(object? state)
    {
        if (Top() is not PickleDict || state is not PickleDict) throw Not("an object's state");
    }

    private void Fill(object? collection, List<object?> items)
    {
        if (collection is not null) _stack.Add(collection);
        switch (Top())
        {
            case PickleList list:
                list.Items.AddRange(items);
                break;
            case PickleDict dict when items.Count % 2 == 0:
                for (var i = 0; i < items.Count; i += 2) dict.Pairs.Add((items[i], items[i + 1]));
                break;
            default: throw Not("a collection");
        }
    }

    // ("storage", type, key, location, count[, view])
    private static PickledStorage Storage(object? id)
    {
        if (id is not PickleTuple { Items: ["storage", StorageType type, string key, string, long count, .. var more] })
            throw Not("a storage");
        return more switch
        {
            [] or [null] => new PickledStorage(key, type.Elements, count),
            [PickleTuple { Items: [string, long first, long] }] => new PickledStorage(key, type.Elements, count, first),
            _ => throw Not("a storage's view"),
        };
    }

    private object? Top() => _stack.Count > 0 ? _stack[^1] : throw Not("a value");

    private object? Pop() => Last(1)[0];

    private List<object?> Last(int count)
    {
        var items = _stack.GetRange(_stack.Count - count, count);
        _stack.RemoveRange(_stack.Count - count, count);
        return items.Contains(s_mark) ? throw Not("a value") : items;
    }

    private List<object?> Marked()
    {
        var at = _stack.LastIndexOf(s_mark);
        var items = _stack[(at + 1)..];
        _stack.RemoveRange(at, _stack.Count - at);
        return items;
    }

    private object? Remembered(long index) => _memo.TryGetValue(index, out var value) ? value : throw Not("a remembered value");

    private static long Decimal(string digits) => long.Parse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

    private static FormatException Not(string what) => new($"where {what} is due stands something else");
}
