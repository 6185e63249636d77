using System.Security.Cryptography;
using TransformerTorch.Text;
using TransformerTorch.Text.Training;

namespace TransformerTorch.Data;

/// <summary>
/// A source's splits as token files, and the tokenizer they were made with. Made once: later runs with the same source, tokenizer and
/// options find them by fingerprint.
/// </summary>
public sealed class PreparedData : IDisposable
{
    private const string EndMark = "<|endoftext|>";
    private const int Form = 1;

    private PreparedData(TrainedTokenizer tokenizer, TokenFile train, TokenFile? validation) =>
        (Tokenizer, Train, Validation) = (tokenizer, train, validation);

    /// <summary>The tokenizer and its file.</summary>
    public TrainedTokenizer Tokenizer { get; }

    /// <summary>What is trained on.</summary>
    public TokenFile Train { get; }

    /// <summary>What is held out; null where <c>val_set_size</c> is 0.</summary>
    public TokenFile? Validation { get; }

    /// <summary>Finds what was prepared, or prepares it.</summary>
    /// <param name="data">The source.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="progress">Told what is done, how much of how much.</param>
    /// <param name="stop">Ends it; what is whole by then stays.</param>
    /// <exception cref="DataException">The source or the tokenizer is missing or malformed, or a split is empty.</exception>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public static PreparedData Prepare(DataConfig data, TokenizerConfig tokenizer, Action<string, long, long?>? progress = null,
        CancellationToken stop = default)
    {
        var source = data.Open();
        var cache = data.DatasetPreparedPath ?? DefaultCache();
        Directory.CreateDirectory(cache);
        IEnumerable<Document> Documents(bool validation)
        {
            foreach (var document in source.Read()) // begins when the first is asked for: what is prepared needs no reading
            {
                stop.ThrowIfCancellationRequested();
                if (Split.IsValidation(document, data.ValSetSize) == validation) yield return document;
            }
        }

        var described = $"{Form} {data.ValSetSize:R}\n{source.Identity}";
        var known = tokenizer.Path is { } path ? TrainedTokenizer.Open(path, tokenizer.EosToken)
            : Trained(tokenizer.Train!, Path.Combine(cache, $"tokenizer-{Fingerprint($"{tokenizer.Train}\n{described}").Name}"),
                Documents(validation: false), progress);
        TokenFile File(bool validation)
        {
            var split = validation ? "validation" : "train";
            var (hash, name) = Fingerprint($"{known.Identity} {known.EndMark} {split}\n{described}");
            var file = Path.Combine(cache, $"{split}-{name}.tokens");
            if (TokenFile.TryOpen(file, hash) is { } ready) return ready;
            progress?.Invoke($"tokenising ({split})", 0, null);
            var counter = new Reporter<long>(done => progress?.Invoke($"tokenising ({split})", done, null));
            TokenFileWriter.Write(file, hash, Documents(validation), known.Encode, known.EndMark, counter);
            return TokenFile.TryOpen(file, hash) ?? throw new IOException($"{file} cannot be read back.");
        }

        var train = File(validation: false);
        if (train.DocumentCount == 0)
            throw new DataException("The source holds no text to train on. Check data.files, or lower data.val_set_size.");
        if (data.ValSetSize == 0) return new(known, train, null);
        var held = File(validation: true);
        if (held.DocumentCount > 0) return new(known, train, held);
        throw new DataException($"data.val_set_size: {data.ValSetSize} holds out none of {train.DocumentCount} documents. " +
            "Raise it, cut the text into smaller documents (documents: block), or set it to 0.");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Train.Dispose();
        Validation?.Dispose();
    }

    private static TrainedTokenizer Trained(
        TokenizerTraining options, string folder, IEnumerable<Document> documents, Action<string, long, long?>? progress)
    {
        if (!File.Exists(Path.Combine(folder, "tokenizer.json")))
        {
            var trainer = new BytePairTrainer
            {
                VocabularySize = options.VocabSize, SpecialTokens = [EndMark], InitialAlphabet = BytePairTrainer.ByteLevelAlphabet,
            };
            var reporter = new Reporter<TrainingProgress>(p =>
                progress?.Invoke($"training the tokenizer ({p.Stage})", p.Done, p.Total > 0 ? p.Total : null));
            var tokenizer = trainer.Train(documents.Select(d => d.Text), reporter);
            TrainedTokenizer.Save(tokenizer, folder, EndMark);
        }
        return TrainedTokenizer.Open(folder, EndMark);
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

    // Progress<T> would report on other threads, late.
    private sealed class Reporter<T>(Action<T> report) : IProgress<T>
    {
        public void Report(T value) => report(value);
    }
}
