using System.Security.Cryptography;
using System.Text.Json;
using TransformerTorch.Checkpoints;
using TransformerTorch.Text.Training;

namespace TransformerTorch.Data;

/// <summary>
/// Finds a run's sources, trains a tokenizer on them where one is to be trained, and makes their examples. Each is made once: later runs
/// with the same sources and options find it by fingerprint, without reading a document.
/// </summary>
/// <param name="data">The sources.</param>
/// <param name="progress">Told what is done, how much of how much.</param>
/// <param name="stop">Ends it; what is whole by then stays.</param>
/// <exception cref="DataException">A source is missing.</exception>
public sealed class DataPreparation(DataConfig data, Action<string, long, long?>? progress = null, CancellationToken stop = default)
{
    private const int Form = 2;
    private const int DocumentsAtOnce = 1 << 9, CharactersAtOnce = 1 << 15, CharactersInWork = 1 << 22;
    private readonly string _cache = data.DatasetPreparedPath ?? DefaultCache();
    private readonly Part[] _parts = [.. data.Parts.Select(part => new Part(part.Data.Open(), part.Data.OpenValidation(), part.Weight))];

    /// <summary>The tokenizer that is named, or trained on the training documents.</summary>
    /// <param name="tokenizer">Which.</param>
    /// <param name="style">The special tokens of a trained one, where it is not said.</param>
    /// <exception cref="DataException">It is missing or malformed.</exception>
    public TrainedTokenizer Tokenizer(TokenizerConfig tokenizer, TokenizerStyle style = TokenizerStyle.Gpt2)
        => TrainedTokenizer.Open(tokenizer.Path ?? Trained(tokenizer.Train!, style), tokenizer, _cache);

    // The folder of a tokenizer that is trained once.
    private string Trained(TokenizerTraining training, TokenizerStyle style)
    {
        var options = training with { Style = training.Style ?? style };
        var folder = Path.Combine(_cache, $"tokenizer-{Fingerprint($"{options} {options.TextColumn}\n{Described}").Name}");
        if (File.Exists(Path.Combine(folder, "tokenizer.json"))) return folder;
        var reporter = new Reporter<TrainingProgress>(p =>
            progress?.Invoke($"training the tokenizer ({p.Stage})", p.Done, p.Total > 0 ? p.Total : null));
        var (malformed, characters) = (new MalformedRecords(data.OnMalformed), 0L);
        var trained = options.Trainer().Train(Training(malformed).Select(Read), reporter);
        if (characters == 0)
            throw new DataException("There is no text to train the tokenizer on" +
                (malformed.Count > 0 ? $": {malformed.Count} records were skipped, first {malformed.First[0]}." : ". Check data.files."));
        options.Save(trained, folder);
        return folder;

        string Read(Document document)
        {
            var text = Text(document, options.TextColumn, malformed);
            characters += text.Length;
            return text;
        }
    }

    /// <summary>The values that a field has in the training documents, in order; those of lists one by one.</summary>
    public IReadOnlyList<string> Values(string field)
    {
        var file = Path.Combine(_cache, $"values-{Fingerprint($"{field}\n{Described}").Name}.json");
        if (File.Exists(file)) return JsonSerializer.Deserialize<string[]>(File.ReadAllText(file))!;
        progress?.Invoke($"collecting the values of {field}", 0, null);
        var (values, malformed) = (new SortedSet<string>(StringComparer.Ordinal), new MalformedRecords(data.OnMalformed));
        foreach (var document in Training(malformed))
        {
            try
            {
                if (document.Node(field) is System.Text.Json.Nodes.JsonArray) values.UnionWith(document.Strings(field));
                else values.Add(document.TextOf(field));
            }
            catch (RecordException e)
            {
                malformed.Add(document.Place, e.Message);
            }
        }
        Directory.CreateDirectory(_cache);
        AtomicFile.WriteText(file, JsonSerializer.Serialize(values));
        return [.. values];
    }

    /// <summary>The examples of both splits.</summary>
    /// <param name="recipe">How they are made.</param>
    /// <exception cref="DataException">A document is malformed and not to be skipped, or a split is empty.</exception>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public PreparedData Prepare(Recipe recipe)
    {
        var made = _parts.Select(part => (part.Weight, Made: Find(part, recipe) ?? Make(part, recipe))).ToList();
        PreparedSplit Split(Func<Splits, ExampleFile> which) => new([.. made.Select(m => (which(m.Made), m.Weight))]);
        var prepared = new PreparedData(Split(m => m.Train), Split(m => m.Validation))
        {
            Malformed = made.Sum(m => m.Made.Malformed), MalformedRecords = [.. made.SelectMany(m => m.Made.Listed)],
        };
        var (train, held) = (prepared.Train, prepared.Validation!);
        if (train.Parts.Any(part => part.File.Count == 0))
            throw new DataException(prepared.Malformed > 0
                ? $"The source holds nothing to train on: {prepared.Malformed} records were skipped, first {prepared.MalformedRecords[0]}"
                : "The source holds no text to train on. Check data.files, or lower data.val_set_size.");
        if (held.Count > 0) return prepared;
        if (data.ValSetSize > 0)
            throw new DataException($"data.val_set_size: {data.ValSetSize} holds out none of {train.Count} documents. " +
                "Raise it, cut the text into smaller documents (documents: block), or set it to 0.");
        held.Dispose();
        return prepared with { Validation = null };
    }

    private string Described => string.Join('\n', _parts.Select(Description));

    private string Description(Part part)
        => $"{Form} {data.ValSetSize:R} {data.OnMalformed}\n{part.Source.Identity}\n{part.Held?.Identity}";

    private IEnumerable<Document> Training(MalformedRecords malformed)
        => _parts.SelectMany(part => Documents(part, malformed).Where(d => !IsHeldOut(part, d))).Select(d => d.Document);

    // Begins when the first is asked for: what is prepared needs no reading.
    private IEnumerable<Sourced> Documents(Part part, MalformedRecords malformed)
    {
        foreach (var document in part.Source.Read(malformed))
        {
            stop.ThrowIfCancellationRequested();
            yield return new(document, Apart: false);
        }
        foreach (var document in part.Held?.Read(malformed) ?? []) yield return new(document, Apart: true);
    }

    private bool IsHeldOut(Part part, Sourced one)
        => one.Apart || (part.Held is null && Split.IsValidation(one.Document, data.ValSetSize));

    private Splits? Find(Part part, Recipe recipe)
    {
        var (hash, name) = Fingerprint($"{recipe.Encoder.Identity}\n{Description(part)}");
        var listed = Path.Combine(_cache, $"malformed-{name}.json");
        ExampleFile? File(string split) => ExampleFile.TryOpen(Path.Combine(_cache, $"{split}-{name}"), hash, recipe.Encoder.Columns);
        if (!System.IO.File.Exists(listed) || File("train") is not { } train) return null;
        if (File("validation") is { } validation)
            return JsonSerializer.Deserialize<Listing>(System.IO.File.ReadAllText(listed)) is var (count, first)
                ? new(train, validation, count, first) : null;
        train.Dispose();
        return null;
    }

    private Splits Make(Part part, Recipe recipe)
    {
        const string what = "tokenising";
        progress?.Invoke(what, 0, null);
        var (hash, name) = Fingerprint($"{recipe.Encoder.Identity}\n{Description(part)}");
        ExampleWriter Writer(string split) => new(Path.Combine(_cache, $"{split}-{name}"), hash, recipe.Encoder.Columns);
        using (ExampleWriter train = Writer("train"), validation = Writer("validation"))
        {
            var (malformed, done) = (new MalformedRecords(data.OnMalformed), 0L);
            foreach (var encoded in InWork(ReadAhead(Chunks(Documents(part, malformed))), chunk => Encode(chunk, part, recipe)))
            {
                stop.ThrowIfCancellationRequested();
                foreach (var (place, problem) in encoded.Problems) malformed.Add(place, problem);
                train.Add(encoded.Train);
                validation.Add(encoded.Validation);
                progress?.Invoke(what, done += encoded.Documents, null);
            }
            train.Finish();
            validation.Finish();
            AtomicFile.WriteText(Path.Combine(_cache, $"malformed-{name}.json"),
                JsonSerializer.Serialize(new Listing(malformed.Count, [.. malformed.First])));
        }
        return Find(part, recipe) ?? throw new IOException($"{_cache}: what was prepared there cannot be read back.");
    }

    // As many as are encoded at a time: few enough to be forgotten before the garbage collector has carried them along.
    private static IEnumerable<Chunk> Chunks(IEnumerable<Sourced> documents)
    {
        var chunk = new Chunk([], 0);
        foreach (var one in documents)
        {
            chunk.Documents.Add(one);
            chunk = chunk with { Length = chunk.Length + one.Document.Length };
            if (chunk.Documents.Count < DocumentsAtOnce && chunk.Length < CharactersAtOnce) continue;
            yield return chunk;
            chunk = new([], 0);
        }
        if (chunk.Documents.Count > 0) yield return chunk;
    }

    // Works on several at once and gives the results in order; texts may be lines or whole books, and there is memory for so many.
    private static IEnumerable<T> InWork<T>(IEnumerable<Chunk> chunks, Func<Chunk, T> work)
    {
        var (queue, length) = (new Queue<(Task<T> Result, long Length)>(), 0L);
        foreach (var chunk in chunks)
        {
            while (queue.Count > 0 && (queue.Count > 2 * Environment.ProcessorCount || length + chunk.Length > CharactersInWork))
                yield return First();
            queue.Enqueue((Task.Run(() => work(chunk)), chunk.Length));
            length += chunk.Length;
        }
        while (queue.Count > 0) yield return First();

        T First()
        {
            var (result, taken) = queue.Dequeue();
            length -= taken;
            return result.GetAwaiter().GetResult();
        }
    }

    // The next one is read while one is worked on.
    private static IEnumerable<T> ReadAhead<T>(IEnumerable<T> items) where T : class
    {
        using var reader = items.GetEnumerator();
        T? Next() => reader.MoveNext() ? reader.Current : null;
        var ahead = Task.Run(Next);
        try
        {
            while (ahead.GetAwaiter().GetResult() is { } item)
            {
                ahead = Task.Run(Next);
                yield return item;
            }
        }
        finally
        {
            ((IAsyncResult)ahead).AsyncWaitHandle.WaitOne();    // it reads, and its failure counts only where it is asked for
        }
    }

    private Encoded Encode(Chunk chunk, Part part, Recipe recipe)
    {
        var encoded = new Encoded(chunk.Documents.Count, new(recipe.Encoder.Columns), new(recipe.Encoder.Columns), []);
        foreach (var one in chunk.Documents)
        {
            stop.ThrowIfCancellationRequested();
            try
            {
                var block = IsHeldOut(part, one) ? encoded.Validation : encoded.Train;
                foreach (var example in recipe.Encoder.Encode(one.Document).ToList()) block.Add(example);    // all, or none where one fails
            }
            catch (RecordException e)
            {
                encoded.Problems.Add((one.Document.Place, e.Message));
            }
        }
        return encoded;
    }

    private static string Text(Document document, string field, MalformedRecords malformed)
    {
        try { return document.TextOf(field); }
        catch (RecordException e)
        {
            malformed.Add(document.Place, $"{e.Message}; a tokenizer is trained on what tokenizer.train.text_column names");
            return "";
        }
    }

    private static (byte[] Hash, string Name) Fingerprint(string description)
    {
        var hash = SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(description));
        return (hash, Convert.ToHexStringLower(hash)[..16]);
    }

    private static string DefaultCache()
    {
        if (Environment.GetEnvironmentVariable("TT_CACHE") is { Length: > 0 } ours) return Path.Combine(ours, "data");
        var caches = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (string.IsNullOrEmpty(caches)) caches = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        return Path.Combine(caches, "transformertorch", "data");
    }

    private sealed record Part(ITextSource Source, ITextSource? Held, double Weight);

    // A document, and whether its source is one of documents to hold out.
    private readonly record struct Sourced(Document Document, bool Apart);

    private sealed record Chunk(List<Sourced> Documents, long Length);

    private sealed record Encoded(
        int Documents, ExampleBlock Train, ExampleBlock Validation, List<(RecordPlace Place, string Reason)> Problems);

    private sealed record Splits(ExampleFile Train, ExampleFile Validation, long Malformed, IReadOnlyList<string> Listed);

    private sealed record Listing(long Count, IReadOnlyList<string> First);

    // Progress<T> would report on other threads, late.
    private sealed class Reporter<T>(Action<T> report) : IProgress<T>
    {
        public void Report(T value) => report(value);
    }
}
