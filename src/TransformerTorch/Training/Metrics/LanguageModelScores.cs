namespace TransformerTorch.Training.Metrics;

/// <summary>What a model's losses on a text say.</summary>
/// <param name="LossSum">of all targets, nats</param>
/// <param name="Targets">how many there are</param>
/// <param name="Bytes">of the text they cover, as UTF-8; 0: not known</param>
public readonly record struct LanguageModelScores(double LossSum, long Targets, long Bytes = 0)
{
    /// <summary>The mean loss of a target, nats.</summary>
    public double Loss => LossSum / Targets;

    /// <summary>Its exponential.</summary>
    public double Perplexity => Math.Exp(Loss);

    /// <summary>Bits that the model needs for a byte of the text: comparable between tokenizers. Null where these are not known.</summary>
    public double? BitsPerByte => Bytes > 0 ? LossSum / Math.Log(2) / Bytes : null;
}
