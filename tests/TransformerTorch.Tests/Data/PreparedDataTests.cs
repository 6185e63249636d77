using TransformerTorch.Data;
using TransformerTorch.Data.Collators;
using TransformerTorch.Data.Encoders;
using TransformerTorch.Tests.Support;

namespace TransformerTorch.Tests.Data;

public sealed class PreparedDataTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_is_prepared_is_found_again_without_reading_the_source()
    {
        var source = new CountedSource();
        var data = new GivenSource(source) { DatasetPreparedPath = _folder["prepared"], ValSetSize = 0.2 };
        var tokenizer = new TokenizerConfig { Train = new() { VocabSize = 300 } };

        Prepare(data, tokenizer).Dispose();
        var first = source.Reads;
        Prepare(data, tokenizer).Dispose();

        Assert.Equal(2, first); // the tokenizer, and both splits
        Assert.Equal(2, source.Reads);
    }

    private static PreparedData Prepare(DataConfig data, TokenizerConfig tokenizer)
    {
        var preparation = new DataPreparation(data);
        return preparation.Prepare(new(new TextEncoder(preparation.Tokenizer(tokenizer), "text"), (file, _) => new WholeExamples(file),
            new NextTokenCollator()));
    }

    private sealed record GivenSource(ITextSource Source) : DataConfig
    {
        public override ITextSource Open() => Source;
    }

    // Counts when it is asked, as a source does that reads all before it gives the first.
    private sealed class CountedSource : ITextSource
    {
        public int Reads { get; private set; }

        public string Identity => "counted";

        public IEnumerable<Document> Read(MalformedRecords malformed)
        {
            Reads++;
            return [.. Enumerable.Range(0, 200).Select(i => new Document($"The number {i} follows {i - 1}."))];
        }
    }
}
