namespace TransformerTorch.Checkpoints;

/// <summary>A checkpoint is damaged, incomplete or not that of the model; the message names the file and the tensors.</summary>
public sealed class CheckpointException : Exception
{
    /// <summary>With a message for people.</summary>
    public CheckpointException(string message) : base(message) { }

    /// <summary>With a message for people and what lay behind it.</summary>
    public CheckpointException(string message, Exception inner) : base(message, inner) { }
}
