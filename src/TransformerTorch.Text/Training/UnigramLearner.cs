using TransformerTorch.Text.Models;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Training;

/// <summary>Expectation and maximization of the pieces' probabilities, and dropping what is missed least, in turn.</summary>
internal sealed class UnigramLearner(UnigramTrainer options, WordCounts words, IProgress<TrainingProgress>? progress)
{
    // The words are worked through in so many parts whatever the number of cores, so that sums are rounded the same everywhere.
    private const int Parts = 32;
    private const double RarestFrequency = 0.5;
    private const double ScoreStep = 0.0001;

    private readonly int[] _order = words.InOrder();
    private List<(byte[] Token, double Score)> _pieces = [];

    /// <summary>So many pieces and their scores, the best first.</summary>
    public List<(byte[] Token, double Score)> Run(int count)
    {
        var characters = Characters();
        if (characters.Count > count)
            throw new TokenizerException(
                $"the texts have {characters.Count} different characters, the vocabulary has room for {count} pieces");
        progress?.Report(new TrainingProgress("finding substrings", 0, 0));
        _pieces = Logarithms(UnigramSeeds.Find(words, options));
        var (seeds, target) = (_pieces.Count, count * 11 / 10);
        while (true)
        {
            for (var i = 0; i < options.SubIterations; i++)
                Maximize(Expect());
            progress?.Report(new TrainingProgress("dropping pieces", seeds - _pieces.Count, Math.Max(0, seeds - target)));
            if (_pieces.Count <= target)
                break;
            Drop(Math.Max(target, (int)(_pieces.Count * options.ShrinkingFactor)));
        }
        return Finish(characters, count);
    }

    private SortedSet<int> Characters()
    {
        var characters = new SortedSet<int>();
        foreach (var text in options.InitialAlphabet.Where(text => text.Length > 0))
            characters.Add(System.Text.Rune.GetRuneAt(text, 0).Value);
        for (var word = 0; word < words.Count; word++)
        {
            for (var at = 0; at < words.Word(word).Length;)
                characters.Add(Utf8.Next(words.Word(word), ref at));
        }
        return characters;
    }

    private static List<(byte[] Token, double Score)> Logarithms(List<(byte[] Token, double Weight)> seeds)
    {
        var sum = Math.Log(seeds.Sum(seed => seed.Weight));
        return seeds.ConvertAll(seed => (seed.Token, Math.Log(seed.Weight) - sum));
    }

    /// <summary>How often each piece is expected in the corpus.</summary>
    private double[] Expect() => OverWords((lattice, word, frequency, sums) => lattice.AddExpected(word, frequency, sums));

    private double[] OverWords(Action<UnigramLattice, byte[], double, double[]> use)
    {
        var sums = new double[Parts][];
        var shared = new UnigramLattice(_pieces);
        Parallel.For(0, Parts, part =>
        {
            var lattice = shared.Another();
            sums[part] = new double[_pieces.Count + 1];
            for (var i = part; i < _order.Length; i += Parts)
                use(lattice, words.Word(_order[i]).ToArray(), words.Frequency(_order[i]), sums[part]);
        });
        var total = new double[_pieces.Count + 1];
        foreach (var sum in sums)
        {
            for (var i = 0; i < total.Length; i++)
                total[i] += sum[i];
        }
        return total;
    }

    /// <summary>Frequencies become scores; the digamma function in place of the logarithm makes rare pieces rarer still.</summary>
    private void Maximize(double[] expected)
    {
        var kept = new List<(byte[] Token, double Score)>();
        double sum = 0;
        for (var i = 0; i < _pieces.Count; i++)
        {
            if (expected[i] < RarestFrequency)
                continue;
            kept.Add((_pieces[i].Token, expected[i]));
            sum += expected[i];
        }
        var logarithm = Digamma(sum);
        _pieces = kept.ConvertAll(piece => (piece.Token, Digamma(piece.Score) - logarithm));
    }

    private void Drop(int target)
    {
        var lattice = new UnigramLattice(_pieces);
        var frequencies = OverWords((own, word, frequency, sums) =>
        {
            foreach (var id in own.Best(word, withoutWhole: false))
                sums[id] += frequency;
        });
        var (sum, total) = (frequencies.Sum(), 0.0);
        for (var word = 0; word < words.Count; word++)
            total += words.Frequency(word);
        var kept = new List<(byte[] Token, double Score)>();
        var candidates = new List<(int Id, double Loss)>();
        for (var id = 0; id < _pieces.Count; id++)
        {
            var single = lattice.Best(_pieces[id].Token, withoutWhole: false).Count < 2;
            var alternatives = single ? lattice.Best(_pieces[id].Token, withoutWhole: true) : [];
            if (frequencies[id] == 0 && (!single || alternatives.Count > 0))
                continue;
            if (alternatives.Count == 0)
                kept.Add(_pieces[id]);
            else
                candidates.Add((id, Loss(frequencies, id, alternatives, sum) * frequencies[id] / total));
        }
        // Of equal losses the piece that comes first stays.
        foreach (var (id, _) in candidates.OrderByDescending(candidate => candidate.Loss).Take(Math.Max(0, target - kept.Count)))
            kept.Add(_pieces[id]);
        _pieces = kept;
    }

    /// <summary>What the logarithm of a piece's probability loses when other pieces take its place.</summary>
    private static double Loss(double[] frequencies, int id, List<int> alternatives, double sum)
    {
        var logarithm = Math.Log(sum + frequencies[id] * (alternatives.Count - 1));
        var alternative = alternatives.Sum(other => Math.Log(frequencies[other] + frequencies[id]) - logarithm);
        return Math.Log(frequencies[id]) - Math.Log(sum) - alternative;
    }

    /// <summary>All characters, then pieces in order until there are enough.</summary>
    private List<(byte[] Token, double Score)> Finish(SortedSet<int> characters, int count)
    {
        var scores = new Vocabulary(_pieces.Count);
        for (var i = 0; i < _pieces.Count; i++)
            scores.Add(_pieces[i].Token, i);
        var chosen = new List<(byte[] Token, double Score)>();
        var lowest = _pieces.Count == 0 ? 0 : _pieces.Min(piece => piece.Score);
        var taken = new HashSet<int>();
        var buffer = new byte[4];
        foreach (var character in characters)
        {
            var token = buffer[..Utf8.Write(character, buffer)];
            var index = scores.Id(token);
            chosen.Add((token, index >= 0 ? _pieces[index].Score : lowest));
            lowest += index >= 0 ? 0 : ScoreStep;
            taken.Add(index);
        }
        for (var i = 0; i < _pieces.Count && chosen.Count < count; i++)
        {
            if (taken.Add(i))
                chosen.Add(_pieces[i]);
        }
        return [.. chosen.OrderByDescending(piece => piece.Score)];
    }

    private static double Digamma(double x)
    {
        double result = 0;
        for (; x < 7; x++)
            result -= 1 / x;
        x -= 0.5;
        var square = 1 / (x * x);
        return result + Math.Log(x) + square * (1.0 / 24 + square * (-7.0 / 960 + square * (31.0 / 8064 - square * 127.0 / 30720)));
    }
}
