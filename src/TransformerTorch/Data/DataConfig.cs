using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using TransformerTorch.Configuration;

namespace TransformerTorch.Data;

/// <summary>The <c>data:</c> section: what to learn from, and how it is cut. A new kind of source is a new record.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "source")]
[JsonDerivedType(typeof(DotnetDocsConfig), "dotnet_docs")]
[JsonDerivedType(typeof(TextConfig), "text")]
public abstract record DataConfig
{
    /// <summary>Tokens of a training window.</summary>
    [Range(2, 1 << 24)]
    public int SequenceLen { get; init; } = 1024;

    /// <summary>Share of the documents that is held out for evaluation.</summary>
    [Range(0.0, 0.5)]
    public double ValSetSize { get; init; } = 0.02;

    /// <summary>Folder that keeps tokenised data and trained tokenizers between runs;
    /// the user's cache folder where it is not given.</summary>
    public string? DatasetPreparedPath { get; init; }

    /// <summary>The source that is described.</summary>
    /// <exception cref="DataException">Its files are not there.</exception>
    public abstract ITextSource Open();
}

/// <summary>The reference documentation that the .NET SDK carries.</summary>
public sealed record DotnetDocsConfig : DataConfig
{
    /// <summary>The .NET folder, which holds <c>packs</c>; found by itself where it is not given.</summary>
    public string? Path { get; init; }

    /// <inheritdoc/>
    public override ITextSource Open() => new DotnetDocumentation(Path);
}

/// <summary>Plain text files.</summary>
public sealed record TextConfig : DataConfig, IValidated
{
    /// <summary>Files, folders (their *.txt and *.md) and globs (<c>notes/**/*.txt</c>).</summary>
    public required IReadOnlyList<string> Files { get; init; }

    /// <summary>What is one document.</summary>
    public DocumentUnit Documents { get; init; } = DocumentUnit.File;

    /// <inheritdoc/>
    public IEnumerable<(string Key, string Message)> Validate()
    {
        if (Files.Count == 0) yield return ("files", "name at least one file, folder or glob");
    }

    /// <inheritdoc/>
    public override ITextSource Open() => new TextFiles(Files, Documents);
}

/// <summary>The <c>tokenizer:</c> section: one that is there, or one to train on the training split.</summary>
public sealed record TokenizerConfig : IValidated
{
    /// <summary>A <c>tokenizer.json</c>, or a folder that holds one.</summary>
    public string? Path { get; init; }

    /// <summary>The token that ends a text, where the tokenizer does not say it.</summary>
    public string? EosToken { get; init; }

    /// <summary>Trains a new one, once; it is kept beside the tokenised data.</summary>
    public TokenizerTraining? Train { get; init; }

    /// <inheritdoc/>
    public IEnumerable<(string Key, string Message)> Validate()
    {
        if (Path is null == Train is null)
            yield return ("path", "give either `path` (a tokenizer.json or its folder) or `train` (to train one)");
        if (Train is not null && EosToken is not null)
            yield return ("eos_token", "a trained tokenizer has its own end mark; remove `eos_token`");
    }
}

/// <summary>Kinds of tokenizer that can be trained.</summary>
public enum TokenizerModel
{
    /// <summary>Byte-level byte-pair encoding, as GPT-2's.</summary>
    Bpe,
}

/// <summary>How a tokenizer is trained.</summary>
public sealed record TokenizerTraining
{
    /// <summary>The kind.</summary>
    public TokenizerModel Model { get; init; } = TokenizerModel.Bpe;

    /// <summary>Entries of its vocabulary, the 256 bytes and the end mark included.</summary>
    [Range(257, 1 << 20)]
    public int VocabSize { get; init; } = 4096;
}
