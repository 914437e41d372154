namespace Lookup.Embedded.Engine;

/// <summary>Thrown when the engine fails; the message is one sentence for an operator.</summary>
internal sealed class EngineFault(string code, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Stored bytes do not match their checksum, or some are missing.</summary>
    internal const string Damaged = "DAMAGED";

    /// <summary>The folder cannot be used, or no longer belongs to this process.</summary>
    internal const string Stopped = "STOPPED";

    /// <summary>The disk rejects writes; this is Redis' word for it.</summary>
    internal const string ReadOnly = "MISCONF";

    /// <summary>First word of the error that the server returns.</summary>
    internal string Code { get; } = code;
}
