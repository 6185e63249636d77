namespace TransformerTorch.Hub;

/// <summary>A model could not be had from the hub; the message says why and what helps.</summary>
public sealed class HubException : Exception
{
    /// <summary>With a message for people.</summary>
    public HubException(string message) : base(message) { }

    /// <summary>With a message for people and what lay behind it.</summary>
    public HubException(string message, Exception inner) : base(message, inner) { }
}

/// <summary>The hub or the way to it fails for the moment: worth another attempt.</summary>
internal sealed class HubBusyException(string message, TimeSpan? after = null) : Exception(message)
{
    /// <summary>How long the hub asks to wait.</summary>
    public TimeSpan? After => after;
}
