namespace TransformerTorch.Text;

/// <summary>A tokenizer file or a request that cannot be served; the message names the file, the place in it and what is wrong.</summary>
public sealed class TokenizerException : Exception
{
    /// <summary>Without a message.</summary>
    public TokenizerException()
    {
    }

    /// <summary>With what is wrong and where.</summary>
    public TokenizerException(string message)
        : base(message)
    {
    }

    /// <summary>With what is wrong and where, and the error behind it.</summary>
    public TokenizerException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
