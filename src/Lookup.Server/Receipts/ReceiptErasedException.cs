namespace Lookup.Server.Receipts;

/// <summary>Thrown for a receipt that was erased with its number.</summary>
public sealed class ReceiptErasedException(ulong erasure) : Exception($"The receipt was erased with its number; receipt {erasure} of the same log proves it.")
{
    /// <summary>Number of the erasure's receipt.</summary>
    public ulong Erasure { get; } = erasure;
}
