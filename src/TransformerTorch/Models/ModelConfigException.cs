namespace TransformerTorch.Models;

/// <summary>A model's configuration is unknown, incomplete or contradicts itself; the message names the source, the key and the value.</summary>
public sealed class ModelConfigException(string message) : Exception(message);
