namespace TransformerTorch.Models;

/// <summary>
/// A model's configuration is unknown, incomplete or contradicts itself; the message names the source, the key and the value.
/// </summary>
public sealed class ModelConfigException(string message, string key = "") : Exception(message)
{
    /// <summary>The key to blame, a dotted path inside the configuration; empty where it is no single one.</summary>
    public string Key => key;
}
