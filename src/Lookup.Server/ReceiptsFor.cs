namespace Lookup.Server;

/// <summary>Which answers get a receipt, if the service keeps receipts.</summary>
public enum ReceiptsFor : byte
{
    /// <summary>Every answer. An answer whose receipt cannot be written is withheld.</summary>
    All,
    /// <summary>Answers for which the request asks for a receipt.</summary>
    Asked,
}
