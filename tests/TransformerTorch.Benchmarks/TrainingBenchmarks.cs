using BenchmarkDotNet.Attributes;
using TransformerTorch.Text;

namespace TransformerTorch.Benchmarks;

/// <summary>A vocabulary of the whole corpus on all cores: 30,000 tokens, of the unigram model 16,000.</summary>
[InProcess, MemoryDiagnoser]
public class TrainingBenchmarks
{
    private string[] _lines = [];

    [Params("bpe", "wordpiece", "unigram")]
    public string Model { get; set; } = "";

    [GlobalSetup]
    public void Read() => _lines = Corpus.Lines;

    [Benchmark]
    public Tokenizer Train() => Corpus.Trainer(Model).Train(_lines);
}
