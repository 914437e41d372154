namespace Lookup.Server.Errors;

/// <summary>Thrown when a receipt cannot be written: an answer that needs one must not be sent without it.</summary>
internal sealed class ReceiptsUnavailableException(Exception? inner = null)
    : Exception("The receipt of this answer could not be written, so the answer is withheld.", inner);
