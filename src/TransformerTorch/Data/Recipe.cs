namespace TransformerTorch.Data;

/// <summary>Makes examples of documents: the part of an objective that is done once, beforehand. Called on several threads.</summary>
public interface IExampleEncoder
{
    /// <summary>What the examples depend on beside the document: tokenizer and options.</summary>
    string Identity { get; }

    /// <summary>The columns of its examples.</summary>
    IReadOnlyList<string> Columns { get; }

    /// <summary>The examples of a document.</summary>
    /// <exception cref="RecordException">The document has not the fields that it should have.</exception>
    IEnumerable<Example> Encode(Document document);
}

/// <summary>How an objective's data are made: what is kept of each document, what an example is, and how examples become a batch.</summary>
/// <param name="Encoder">Documents to what is kept.</param>
/// <param name="Layout">What is kept to examples; the seed is of what changes between passes, null for evaluation.</param>
/// <param name="Collator">Examples to batches.</param>
public sealed record Recipe(IExampleEncoder Encoder, Func<ExampleFile, long?, IExamples> Layout, ICollator Collator);
