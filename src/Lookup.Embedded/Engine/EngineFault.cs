namespace Lookup.Embedded.Engine;

/// <summary>The engine cannot do what was asked; the message is one sentence for an operator.</summary>
internal sealed class EngineFault(string code, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Stored bytes do not match their checksum, or some are missing.</summary>
    internal const string Damaged = "DAMAGED";

    /// <summary>The folder cannot be used, or is not this process's any more.</summary>
    internal const string Stopped = "STOPPED";

    /// <summary>The disk refuses writes; the word is Redis' for that.</summary>
    internal const string ReadOnly = "MISCONF";

    /// <summary>First word of the error that the server answers.</summary>
    internal string Code { get; } = code;
}
