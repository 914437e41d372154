namespace Lookup.Core.Receipts;

/// <summary>A receipt, a proof or a log is invalid. The message names the place.</summary>
public sealed class ReceiptException(string message, Exception? inner = null) : Exception(message, inner);
