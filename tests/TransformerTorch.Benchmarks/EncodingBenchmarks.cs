using BenchmarkDotNet.Attributes;
using TransformerTorch.Text;

namespace TransformerTorch.Benchmarks;

/// <summary>The whole corpus there and back, on one thread. In this process, so that what set-up chose for the build holds.</summary>
[InProcess, MemoryDiagnoser]
public class EncodingBenchmarks
{
    private Tokenizer _tokenizer = null!;
    private int[][] _ids = [];

    [Params("bpe", "wordpiece", "unigram")]
    public string Model { get; set; } = "";

    [GlobalSetup]
    public void Train()
    {
        _tokenizer = Corpus.Train(Model);
        _ids = Array.ConvertAll(Corpus.Lines, line => _tokenizer.Encode(line).Ids);
    }

    [Benchmark]
    public long Encode() => Corpus.Lines.Sum(line => (long)_tokenizer.Encode(line).Ids.Length);

    [Benchmark]
    public long Decode() => _ids.Sum(ids => (long)_tokenizer.Decode(ids).Length);
}
