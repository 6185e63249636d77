using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>The heads that published decoders have, and their names.</summary>
internal static class DecoderHeads
{
    /// <summary>The head for a task: classes of a text are read off its last token, without a bias.</summary>
    /// <param name="keys">the configuration</param>
    /// <param name="task">which task</param>
    /// <param name="vocabulary">V</param>
    /// <param name="tied">whether the head over the vocabulary is the token table where <c>tie_word_embeddings</c> does not say it</param>
    public static HeadOptions? DecoderHead(this ConfigKeys keys, ModelTask task, int vocabulary, bool tied)
    {
        var tokens = new HeadOptions { Outputs = vocabulary, Bias = false, Tied = keys.Flag("tie_word_embeddings", tied) };
        var named = keys.Name("classifier_dropout", "hidden_dropout");
        var dropout = task == ModelTask.TokenClassification ? keys.Probability(named, 0.1) : 0;
        var head = keys.Head(task, tokens, dropout);
        return task == ModelTask.SequenceClassification ? head! with { Bias = false } : head;
    }

    /// <summary>What the head of a task is called.</summary>
    /// <param name="names">a family's names</param>
    /// <param name="config">of the model</param>
    /// <param name="vocabulary">the head over the vocabulary</param>
    /// <param name="tokens">that of classes of tokens</param>
    public static WeightNames DecoderHead(
        this WeightNames names, ModelConfig config, string vocabulary = "lm_head", string tokens = "score")
    {
        if (config.TieEmbeddings) names.Ignore($"{vocabulary}.weight");
        return config.Task switch
        {
            ModelTask.SequenceClassification => names.Same("head.output", "score"),
            ModelTask.TokenClassification => names.Same("head.output", tokens),
            ModelTask.QuestionAnswering => names.Same("head.output", "qa_outputs"),
            _ => names.Same("head.output", vocabulary).Exact("head.bias", $"{vocabulary}.bias"),
        };
    }
}
