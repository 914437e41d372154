namespace Lookup.Core.Receipts;

/// <summary>A receipt, a proof or a log is not what it should be. The message tells where.</summary>
public sealed class ReceiptException(string message, Exception? inner = null) : Exception(message, inner);
