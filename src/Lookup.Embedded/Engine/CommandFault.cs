namespace Lookup.Embedded.Engine;

/// <summary>Thrown when the server cannot execute a command; the message is the error of the protocol.</summary>
internal sealed class CommandFault(string message) : Exception(message);
