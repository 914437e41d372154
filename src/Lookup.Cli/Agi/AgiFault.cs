namespace Lookup.Cli.Agi;

/// <summary>The other side broke the protocol or a limit: its session ends, and no call is permitted.</summary>
internal sealed class AgiFault(string message) : Exception(message);
