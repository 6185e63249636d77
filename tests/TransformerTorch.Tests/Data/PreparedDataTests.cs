using System.Text.Json.Nodes;
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

    /// <summary>Short and long documents, worked on many at once: what is written is what the encoder makes of them one by one, in the
    /// source's order, and so are the records that are left out.</summary>
    [Fact]
    public void Examples_keep_the_order_of_their_documents()
    {
        var random = new Random(1);
        var documents = Enumerable.Range(0, 3000).Select(i => i % 100 == 99
            ? new Document(new JsonObject { ["other"] = i }, place: new("given", i))
            : new Document(string.Join(' ', Enumerable.Repeat($"word{i}", i % 1000 == 500 ? 40_000 : random.Next(1, 30))), $"{i}"))
            .ToList();
        var data = new GivenSource(new GivenDocuments(documents))
        {
            DatasetPreparedPath = _folder["prepared"], ValSetSize = 0.1, OnMalformed = OnMalformed.Skip,
        };
        var preparation = new DataPreparation(data);
        var encoder = new TextEncoder(preparation.Tokenizer(new() { Train = new() { VocabSize = 300 } }), "text");

        using var prepared = preparation.Prepare(new(encoder, (file, _) => new WholeExamples(file), new NextTokenCollator()));

        foreach (var (split, held) in new[] { (prepared.Train, false), (prepared.Validation!, true) })
        {
            var expected = documents.Where(d => d.Has("text") && Split.IsValidation(d, 0.1) == held)
                .Select(d => encoder.Encode(d).Single());
            var file = split.Parts[0].File;
            Assert.Equal(expected.Select(e => (string.Join(' ', e.Ids), e.TextBytes)),
                Enumerable.Range(0, (int)file.Count).Select(i => file.Read(i)).Select(e => (string.Join(' ', e.Ids), e.TextBytes)));
        }
        Assert.InRange(prepared.Validation!.Count, 200, 400);
        Assert.Equal(30, prepared.Malformed);
        Assert.Equal(Enumerable.Range(0, 30).Select(i => $"given:{i * 100 + 99}: has no field 'text'; it has 'other'"),
            prepared.MalformedRecords);
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

    private sealed record GivenDocuments(IReadOnlyList<Document> Documents) : ITextSource
    {
        public string Identity => "given";

        public IEnumerable<Document> Read(MalformedRecords malformed) => Documents;
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
