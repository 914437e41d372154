namespace Lookup.Embedded.Engine;

/// <summary>A command is not one that the server can carry out; the message is the error of the protocol.</summary>
internal sealed class CommandFault(string message) : Exception(message);
