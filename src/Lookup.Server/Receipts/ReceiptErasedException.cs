namespace Lookup.Server.Receipts;

/// <summary>A receipt was erased together with its number.</summary>
public sealed class ReceiptErasedException(ulong erasure) : Exception($"The receipt was erased with its number; receipt {erasure} of the same log shows that.")
{
    /// <summary>Number of the erasure's receipt.</summary>
    public ulong Erasure { get; } = erasure;
}
