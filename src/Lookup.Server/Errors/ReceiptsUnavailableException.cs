namespace Lookup.Server.Errors;

/// <summary>A receipt cannot be written, so what it is for must not be answered.</summary>
internal sealed class ReceiptsUnavailableException(Exception? inner = null)
    : Exception("The receipt of this answer could not be written.", inner);
