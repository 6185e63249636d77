using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Normalizers;

/// <summary>
/// Unicode normalization (UAX 15) that tells for each character how it came about: 0, it stands for the next one of the input;
/// 1, it is one more; -n, it stands for the next one and n more. Marks that change places keep these numbers, as in the reference.
/// </summary>
internal sealed class Composition
{
    private const int HangulBase = 0xAC00;
    private const int LeadBase = 0x1100;
    private const int VowelBase = 0x1161;
    private const int TailBase = 0x11A7;
    private const int Vowels = 21;
    private const int Tails = 28;
    private const int Syllables = 19 * Vowels * Tails;

    private readonly List<(byte Class, int CodePoint, int Shift)> _pending = [];
    private readonly List<Change> _decomposed = [];
    private readonly List<Change> _composed = [];
    private readonly List<Change> _blocked = [];

    /// <summary>The characters of <paramref name="text"/> taken apart and, if wanted, put together; valid until the next call.</summary>
    public List<Change> Normalize(ReadOnlySpan<byte> text, bool compatible, bool compose)
    {
        _decomposed.Clear();
        for (var at = 0; at < text.Length;)
            Decompose(Utf8.Next(text, ref at), compatible);
        Sort();
        return compose ? Compose() : _decomposed;
    }

    private void Decompose(int codePoint, bool compatible)
    {
        if (codePoint < 0x80)
        {
            Push(codePoint, 0);
            return;
        }
        if ((uint)(codePoint - HangulBase) < Syllables)
        {
            var index = codePoint - HangulBase;
            Push(LeadBase + index / (Vowels * Tails), 0);
            Push(VowelBase + index % (Vowels * Tails) / Tails, 1);
            if (index % Tails > 0)
                Push(TailBase + index % Tails, 1);
            return;
        }
        var parts = compatible ? UnicodeTables.Compatible.GetValueOrDefault(codePoint) : null;
        if (parts is null && !UnicodeTables.Canonical.TryGetValue(codePoint, out parts))
        {
            Push(codePoint, 0);
            return;
        }
        for (var i = 0; i < parts.Length; i++)
            Push(parts[i], i == 0 ? 0 : 1);
    }

    private void Push(int codePoint, int change)
    {
        var combining = codePoint < 0x300 ? (byte)0 : UnicodeTables.CombiningClasses[codePoint];
        if (combining == 0)
        {
            Sort();
            _decomposed.Add(new Change(codePoint, change));
            return;
        }
        _pending.Add((combining, codePoint, change));
    }

    private void Sort()
    {
        if (_pending.Count == 0)
            return;
        // OrderBy is stable, as the canonical order demands.
        foreach (var (_, codePoint, change) in _pending.Count == 1 ? _pending : _pending.OrderBy(mark => mark.Class).ToList())
            _decomposed.Add(new Change(codePoint, change));
        _pending.Clear();
    }

    private List<Change> Compose()
    {
        _composed.Clear();
        _blocked.Clear();
        Change? starter = null;
        int? lastClass = null;
        foreach (var (codePoint, change) in _decomposed)
        {
            var combining = UnicodeTables.CombiningClasses[codePoint];
            if (starter is not { } first)
            {
                if (combining == 0)
                    starter = new Change(codePoint, change);
                else
                    _composed.Add(new Change(codePoint, change));
                continue;
            }
            if ((lastClass is null || lastClass < combining) && Pair(first.CodePoint, codePoint) is { } joined)
            {
                starter = new Change(joined, first.Shift + change - 1);
                continue;
            }
            if (combining != 0)
            {
                _blocked.Add(new Change(codePoint, change));
                lastClass = combining;
                continue;
            }
            Flush(first);
            (starter, lastClass) = (new Change(codePoint, change), null);
        }
        if (starter is { } last)
            Flush(last);
        return _composed;
    }

    private void Flush(Change starter)
    {
        _composed.Add(starter);
        _composed.AddRange(_blocked);
        _blocked.Clear();
    }

    private static int? Pair(int first, int second)
    {
        if (first is >= LeadBase and < LeadBase + 19 && second is >= VowelBase and < VowelBase + Vowels)
            return HangulBase + ((first - LeadBase) * Vowels + second - VowelBase) * Tails;
        if ((uint)(first - HangulBase) < Syllables && (first - HangulBase) % Tails == 0 && second is > TailBase and < TailBase + Tails)
            return first + second - TailBase;
        return UnicodeTables.Compositions.TryGetValue((long)first << 32 | (uint)second, out var composed) ? composed : null;
    }
}
