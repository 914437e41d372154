namespace Lookup.Server;

/// <summary>Which answers get a receipt where the service keeps them.</summary>
public enum ReceiptsFor : byte
{
    /// <summary>Each; an answer whose receipt cannot be written is not given.</summary>
    All,
    /// <summary>Those that are asked for with one.</summary>
    Asked,
}
