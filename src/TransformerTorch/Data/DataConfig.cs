using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using TransformerTorch.Configuration;
using TransformerTorch.Data.Sources;

namespace TransformerTorch.Data;

/// <summary>The <c>data:</c> section: what to learn from, and how it is cut. A new kind of source is a new record.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "source")]
[JsonDerivedType(typeof(DotnetDocsConfig), "dotnet_docs")]
[JsonDerivedType(typeof(TextConfig), "text")]
[JsonDerivedType(typeof(JsonlConfig), "jsonl")]
[JsonDerivedType(typeof(CsvConfig), "csv")]
[JsonDerivedType(typeof(MixtureConfig), "mixture")]
public abstract record DataConfig
{
    /// <summary>Tokens of a training window, or of an example at most; where it is not given, as many as the model has positions,
    /// 1024 at most.</summary>
    [Range(2, 1 << 24)]
    [KnownAs("max_seq_length", "max_length", "model_max_length", "block_size", "max_seq_len", "cutoff_len")]
    public int? SequenceLen { get; init; }

    /// <summary>Share of the documents that is held out for evaluation, where <c>val_files</c> are not given.</summary>
    [Range(0.0, 0.5)]
    [KnownAs("test_size", "validation_split")]
    public double ValSetSize { get; init; } = 0.02;

    /// <summary>What becomes of records that cannot be used: the run fails at the first, or they are skipped, counted and listed.</summary>
    public OnMalformed OnMalformed { get; init; } = OnMalformed.Fail;

    /// <summary>Documents that share a row do not see each other: neither running text cut into windows nor packed examples.</summary>
    public bool IsolateDocuments { get; init; }

    /// <summary>Packs whole examples into rows of <c>sequence_len</c> tokens that do not see each other, instead of padding each.</summary>
    [KnownAs("packing")]
    public bool SamplePacking { get; init; }

    /// <summary>Puts examples of about one length into a batch, so that little is padded.</summary>
    public bool GroupByLength { get; init; }

    /// <summary>Tokens of a batch at most, padding included; 0: as many rows as the batch size says.</summary>
    [Range(0, int.MaxValue)]
    public int MaxTokens { get; init; }

    /// <summary>Batches that are made ahead, each on a thread of its own; 0 makes them when they are needed.</summary>
    [Range(0, 1024)]
    [KnownAs("dataloader_num_workers", "dataloader_prefetch_factor")]
    public int DataloaderPrefetch { get; init; } = 2;

    /// <summary>Folder that keeps tokenised data and trained tokenizers between runs;
    /// the user's cache folder where it is not given.</summary>
    [KnownAs("cache_dir")]
    public string? DatasetPreparedPath { get; init; }

    /// <summary>The source that is described.</summary>
    /// <exception cref="DataException">Its files are not there.</exception>
    public abstract ITextSource Open();

    /// <summary>What is evaluated on, where that is a source of its own.</summary>
    /// <exception cref="DataException">Its files are not there.</exception>
    public virtual ITextSource? OpenValidation() => null;

    /// <summary>Whether there is something to evaluate on.</summary>
    internal bool HoldsOut => ValSetSize > 0 || Parts.Any(part => part.Data is FilesConfig { ValFiles.Count: > 0 });

    internal const int DefaultLength = 1024;

    /// <summary>The length as given, or what it is where nothing limits it.</summary>
    internal int Length => SequenceLen ?? DefaultLength;

    /// <summary>Whether it also says how examples are cut, split and kept.</summary>
    internal bool SaysMoreThanItsSource
    {
        get
        {
            var plain = new DotnetDocsConfig();
            return (SequenceLen, ValSetSize, OnMalformed, MaxTokens, DataloaderPrefetch, DatasetPreparedPath)
                != (plain.SequenceLen, plain.ValSetSize, plain.OnMalformed, plain.MaxTokens, plain.DataloaderPrefetch, null)
                || IsolateDocuments || SamplePacking || GroupByLength;
        }
    }

    /// <summary>The sources of a mixture with their weights; itself where it is one.</summary>
    internal virtual IReadOnlyList<(DataConfig Data, double Weight)> Parts => [(this, 1)];
}

/// <summary>The reference documentation that the .NET SDK carries. Its fields: <c>text</c>, <c>kind</c> (of member),
/// <c>namespace</c>, <c>type</c>, <c>signature</c>, <c>summary</c>, <c>returns</c>.</summary>
public sealed record DotnetDocsConfig : DataConfig
{
    /// <summary>The .NET folder, which holds <c>packs</c>; found by itself where it is not given.</summary>
    public string? Path { get; init; }

    /// <inheritdoc/>
    public override ITextSource Open() => new DotnetDocumentation(Path);
}

/// <summary>Files, folders and globs.</summary>
public abstract record FilesConfig : DataConfig, IValidated
{
    /// <summary>Files, folders (all files below of the source's kind) and globs (<c>notes/**/*.txt</c>); <c>.gz</c> are unpacked.</summary>
    [KnownAs("data_files", "train_file", "train_files")]
    public required IReadOnlyList<string> Files { get; init; }

    /// <summary>As <c>files</c>, for evaluation alone; nothing of <c>files</c> is held out then.</summary>
    [KnownAs("test_datasets", "validation_file", "eval_files")]
    public IReadOnlyList<string> ValFiles { get; init; } = [];

    /// <inheritdoc/>
    public override ITextSource Open() => Open(Files);

    /// <inheritdoc/>
    public override ITextSource? OpenValidation() => ValFiles.Count > 0 ? Open(ValFiles) : null;

    /// <inheritdoc/>
    public virtual IEnumerable<(string Key, string Message)> Validate()
    {
        if (Files.Count == 0) yield return ("files", "name at least one file, folder or glob");
    }

    /// <summary>These files.</summary>
    private protected abstract ITextSource Open(IReadOnlyList<string> files);
}

/// <summary>Plain text files.</summary>
public sealed record TextConfig : FilesConfig
{
    /// <summary>What is one document.</summary>
    public DocumentUnit Documents { get; init; } = DocumentUnit.File;

    private protected override ITextSource Open(IReadOnlyList<string> files) => new TextFiles(files, Documents);
}

/// <summary>Files with a JSON object on each line.</summary>
public sealed record JsonlConfig : FilesConfig
{
    private protected override ITextSource Open(IReadOnlyList<string> files) => new JsonLines(files);
}

/// <summary>Tables: comma- or tab-separated values.</summary>
public sealed record CsvConfig : FilesConfig
{
    /// <summary>Stands between fields; a tab in <c>.tsv</c> files and a comma in others where it is not given.</summary>
    public string? Delimiter { get; init; }

    /// <summary>Names of the columns; the first row has them where they are not given.</summary>
    public IReadOnlyList<string>? Columns { get; init; }

    /// <summary>Whether quotes enclose fields that hold delimiters or line breaks.</summary>
    public bool Quotes { get; init; } = true;

    /// <inheritdoc/>
    public override IEnumerable<(string Key, string Message)> Validate()
    {
        if (Delimiter is "" or "\"" or "\n") yield return ("delimiter", "give the character that stands between fields, such as \";\"");
        if (Columns is { Count: 0 }) yield return ("columns", "name the columns, or remove the key: the first row has the names then");
        foreach (var problem in base.Validate()) yield return problem;
    }

    private protected override ITextSource Open(IReadOnlyList<string> files) => new Tables(files, new(Delimiter, Columns, Quotes));
}

/// <summary>Several sources, from which examples are drawn by weight.</summary>
public sealed record MixtureConfig : DataConfig, IValidated
{
    /// <summary>The sources.</summary>
    public required IReadOnlyList<MixturePartConfig> Sources { get; init; }

    /// <inheritdoc/>
    public override ITextSource Open() => throw new InvalidOperationException("a mixture is opened by its parts");

    internal override IReadOnlyList<(DataConfig Data, double Weight)> Parts => [.. Sources.Select(part => (part.Data, part.Weight))];

    /// <inheritdoc/>
    public IEnumerable<(string Key, string Message)> Validate()
    {
        if (Sources.Count == 0) yield return ("sources", "name at least one source");
        if (Sources.Any(part => part.Data is MixtureConfig)) yield return ("sources", "a mixture holds no mixture: list its sources here");
        if (Sources.Any(part => part.Data.SaysMoreThanItsSource))
            yield return ("sources", "sequence_len, val_set_size and what else is of the whole belongs to the mixture, not to its sources");
    }
}

/// <summary>A source of a mixture.</summary>
public sealed record MixturePartConfig
{
    /// <summary>Its share in what is drawn, beside the others' weights.</summary>
    [Range(0.0, 1e9, MinimumIsExclusive = true)]
    public double Weight { get; init; } = 1;

    /// <summary>The source, with the keys of its kind as `data` has them.</summary>
    public required DataConfig Data { get; init; }
}
