using System.IO.Compression;
using System.Text;
using TransformerTorch.Configuration;
using TransformerTorch.Data;
using TransformerTorch.Data.Collators;
using TransformerTorch.Data.Encoders;
using TransformerTorch.Data.Sources;
using TransformerTorch.Tests.Support;

namespace TransformerTorch.Tests.Data;

public sealed class SourceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Json_lines_give_their_members_and_their_places()
    {
        var file = _folder.Write("a.jsonl", """
            {"text": "one", "label": 3}

            {"text": "two", "tags": ["x", "y"], "score": 0.5}
            """);

        var documents = new JsonLines([file]).Read().ToList();

        Assert.Equal(["one", "two"], documents.Select(d => d.Text));
        Assert.Equal("3", documents[0].TextOf("label"));
        Assert.Equal(["x", "y"], documents[1].Strings("tags"));
        Assert.Equal(0.5, documents[1].Number("score"));
        Assert.Equal([$"{file}:1", $"{file}:3"], documents.Select(d => $"{d.Place}"));
    }

    [Fact]
    public void Tables_read_quotes_line_breaks_tabs_and_given_names_as_rfc_4180_says()
    {
        var commas = _folder.Write("a.csv", "text,label\r\n\"a, \"\"b\"\"\nc\",x\r\nplain,y\r\n");
        var tabs = _folder.Write("b.tsv", "one\t1\ntwo\t2\n");

        var quoted = new Tables([commas], new(null, null)).Read().ToList();
        var named = new Tables([tabs], new(null, ["text", "label"])).Read().ToList();

        Assert.Equal([("a, \"b\"\nc", "x"), ("plain", "y")], quoted.Select(d => (d.Text, d.TextOf("label"))));
        Assert.Equal([$"{commas}:2", $"{commas}:4"], quoted.Select(d => $"{d.Place}"));
        Assert.Equal([("one", "1"), ("two", "2")], named.Select(d => (d.Text, d.TextOf("label"))));
    }

    [Fact]
    public void Compressed_files_are_read_as_what_they_hold_and_damaged_ones_are_named()
    {
        using (var stream = new GZipStream(File.Create(_folder["a.txt.gz"]), CompressionLevel.Fastest)) stream.Write("packed\n"u8);
        var cut = _folder["b.txt.gz"];
        File.WriteAllBytes(cut, File.ReadAllBytes(_folder["a.txt.gz"])[..12]);
        File.AppendAllText(cut, "nonsense that is not deflated");

        Assert.Equal(["packed"], new TextFiles([_folder["a.txt.gz"]]).Read().Select(d => d.Text));
        Assert.Contains("gzip", Assert.Throws<DataException>(() => new TextFiles([cut]).Read().ToList()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a.jsonl", "{\"text\": \"good\"}\n{\"text\": \"bad\"\n[1]\n{\"text\": \"good\"}", 2,
        ":2: not JSON at byte 15 of the line", ":3: not a JSON object")]
    [InlineData("a.csv", "text,n\ngood,1\nbad\ngood,2\nbad,3,4", 2, ":3: 1 fields", ":5: 3 fields")]
    [InlineData("b.csv", "text,n\ngood,1\nb\"a\"d,2\ngood,3", 1, ":3: a quote inside", ":3")]
    public void A_malformed_record_is_named_by_file_line_and_reason_and_fails_or_is_skipped_and_counted(
        string name, string content, int count, string first, string last)
    {
        var file = _folder.Write(name, content);
        ITextSource source = name.EndsWith("jsonl", StringComparison.Ordinal) ? new JsonLines([file]) : new Tables([file], new(null, null));

        var error = Assert.Throws<DataException>(() => source.Read().ToList());
        var malformed = new MalformedRecords(OnMalformed.Skip);
        var documents = source.Read(malformed).ToList();

        Assert.Contains(file + first, error.Message, StringComparison.Ordinal);
        Assert.Contains("on_malformed: skip", error.Message, StringComparison.Ordinal);
        Assert.Equal(count, malformed.Count);
        Assert.StartsWith(file + first, malformed.First[0], StringComparison.Ordinal);
        Assert.StartsWith(file + last, malformed.First[^1], StringComparison.Ordinal);
        Assert.Equal(["good", "good"], documents.Select(d => d.Text));
    }

    [Fact]
    public void A_record_without_the_field_is_malformed_too_and_stays_counted_when_what_is_prepared_is_found_again()
    {
        var file = _folder.Write("a.jsonl", string.Concat(Enumerable.Range(0, 60)
            .Select(i => i == 7 ? "{\"txt\": 1}\n" : $"{{\"text\": \"t{i}\"}}\n")));
        var data = new JsonlConfig
        {
            Files = [file], DatasetPreparedPath = _folder["cache"], ValSetSize = 0.2, OnMalformed = OnMalformed.Skip,
        };

        using (Prepare(data)) { }
        using var again = Prepare(data);

        Assert.Equal(1, again.Malformed);
        Assert.Equal($"{file}:8: has no field 'text'; it has 'txt'", again.MalformedRecords.Single());
        Assert.Equal(59, again.Train.Count + again.Validation!.Count);
        var error = Assert.Throws<DataException>(() => Prepare(data with { OnMalformed = OnMalformed.Fail }));
        Assert.StartsWith($"{file}:8: has no field 'text'", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(OnMalformed.Fail)]
    [InlineData(OnMalformed.Skip)]
    public void A_tokenizer_that_finds_no_text_says_which_key_names_it(OnMalformed rule)
    {
        var file = _folder.Write("chats.jsonl", "{\"messages\": []}\n");
        var data = new JsonlConfig { Files = [file], DatasetPreparedPath = _folder["cache"], OnMalformed = rule, ValSetSize = 0 };

        var error = Assert.Throws<DataException>(() => new DataPreparation(data).Tokenizer(new() { Train = new() }));

        Assert.Contains($"{file}:1: has no field 'text'", error.Message, StringComparison.Ordinal);
        Assert.Contains("tokenizer.train.text_column", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Preparation_that_is_stopped_says_so_and_nothing_else()
    {
        var file = _folder.Write("a.jsonl", string.Concat(Enumerable.Range(0, 60).Select(i => $"{{\"text\": \"t{i}\"}}\n")));
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        var preparation = new DataPreparation(new JsonlConfig { Files = [file], DatasetPreparedPath = _folder["cache"] }, null, stop.Token);

        Assert.Throws<OperationCanceledException>(() => preparation.Tokenizer(new() { Train = new() }));
        Assert.Empty(Directory.Exists(_folder["cache"]) ? Directory.GetFileSystemEntries(_folder["cache"]) : []);
    }

    [Fact]
    public void Documents_stay_in_order_and_are_named_by_their_lines_however_many_are_read_at_once()
    {
        const int count = 70_000, bad = 69_000;
        var file = _folder.Write("many.jsonl", string.Concat(Enumerable.Range(1, count)
            .Select(i => i == bad ? "{}\n" : $"{{\"text\": \"{i}\"}}\n")));
        var data = new JsonlConfig
        {
            Files = [file], DatasetPreparedPath = _folder["cache"], OnMalformed = OnMalformed.Skip, ValSetSize = 0.1,
        };

        using var prepared = Prepare(data);
        var tokenizer = TrainedTokenizer.Open(Path.Combine(Fixtures.Root, "tokenizers", "gpt2")).Tokenizer;

        Assert.Equal(count - 1, prepared.Train.Count + prepared.Validation!.Count);
        Assert.StartsWith($"{file}:{bad}:", prepared.MalformedRecords.Single(), StringComparison.Ordinal);
        foreach (var split in (PreparedSplit[])[prepared.Train, prepared.Validation])
        {
            var texts = split.Parts.Single().File;
            var numbers = Enumerable.Range(0, (int)texts.Count).Select(i => int.Parse(tokenizer.Decode(texts.Read(i).Ids[..^1]))).ToList();
            Assert.Equal(numbers.Order(), numbers);
        }
    }

    [Fact]
    public void Files_for_validation_are_held_out_and_nothing_else_is()
    {
        var (train, held) = (_folder.Write("train.txt", "a\nb\nc\n"), _folder.Write("dev.txt", "d\n"));
        var data = new TextConfig { Files = [train], ValFiles = [held], Documents = DocumentUnit.Line, DatasetPreparedPath = _folder["c"] };

        using var prepared = Prepare(data);

        Assert.Equal((3, 1), (prepared.Train.Count, prepared.Validation!.Count));
    }

    [Fact]
    public void A_column_that_was_damaged_is_made_anew()
    {
        var data = new TextConfig { Files = [_folder.Write("a.txt", "a\nb\nc\n")], ValSetSize = 0, DatasetPreparedPath = _folder["c"] };
        Prepare(data).Dispose();
        var tokens = Directory.GetFiles(_folder["c"], "train-*.tokens").Single();
        File.WriteAllBytes(tokens, File.ReadAllBytes(tokens)[..^8]);

        using var prepared = Prepare(data);

        Assert.Equal(1, prepared.Train.Count);
    }

    [Theory]
    [InlineData("data: {source: mixture, sources: [{data: {source: text, files: [a], sequence_len: 9}}]}", "sequence_len")]
    [InlineData("data: {source: mixture, sources: []}", "sources: name at least one")]
    [InlineData("data: {source: jsonl, files: []}", "files: name at least one")]
    [InlineData("data: {source: csv, files: [a], delimiter: \"\"}", "delimiter")]
    [InlineData("data: {source: csv, files: [a], on_malformed: ignore}", "fail")]
    [InlineData("data: {source: dotnet_docs, files: [a]}", "files")]
    [InlineData("data: {source: dotnet_docs, sample_packing: true}", "data.sample_packing")]
    [InlineData("data: {source: dotnet_docs}\nobjective: {type: span_corruption, noise_density: 1}", "noise_density")]
    [InlineData("data: {source: dotnet_docs}\nobjective: {type: masked, mlm_probability: 0.2}", "masked_lm")]
    [InlineData("data: {source: dotnet_docs}\nobjective: {type: masked_lm, masking: {unit: words}}", "whole_word")]
    [InlineData("data: {source: dotnet_docs}\nobjective: {type: denoising, noise: {poisson_lambda: -1}}", "poisson_lambda")]
    [InlineData("data: {source: dotnet_docs}\nobjective: {type: replaced_token_detection, generator_size: 0}", "generator_size")]
    [InlineData("data: {source: dotnet_docs}\nobjective: {type: seq2seq_lm, max_target_length: 0}", "max_target_length")]
    [InlineData("data: {source: dotnet_docs}\nobjective: {type: sequence_classification, labels: [a]}", "two classes")]
    [InlineData("data: {source: dotnet_docs}\nobjective: {type: sequence_classification, problem_type: regression, labels: [a, b]}",
        "no classes")]
    [InlineData("data: {source: dotnet_docs}\nobjective: {type: token_classification, label_column: 1}", "label_column")]
    [InlineData("data: {source: dotnet_docs, sequence_len: 64}\nobjective: {type: question_answering, doc_stride: 60}", "doc_stride")]
    [InlineData("data: {source: dotnet_docs}\nobjective: {type: chat, train_on: user}", "assistant")]
    [InlineData("data: {source: dotnet_docs}\nobjective: {type: causal_lm, label_smoothing_factor: 1}", "label_smoothing_factor")]
    public void Wrong_sections_are_named_with_what_to_do(string yaml, string expected)
    {
        var error = Assert.Throws<ConfigException>(() => Yaml.Parse<TransformerTorch.Training.RunConfig>(
            $"output_dir: a\nmodel: {{model_type: gpt2}}\ntokenizer: {{path: x}}\n{yaml}", "run.yaml"));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.All(error.Errors, e => Assert.StartsWith("run.yaml:", e.ToString(), StringComparison.Ordinal));
    }

    private static PreparedData Prepare(DataConfig data)
    {
        var tokenizer = TrainedTokenizer.Open(Path.Combine(Fixtures.Root, "tokenizers", "gpt2"));
        return new DataPreparation(data).Prepare(
            new(new TextEncoder(tokenizer, "text"), (file, _) => new WholeExamples(file), new NextTokenCollator()));
    }
}
