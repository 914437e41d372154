namespace Lookup.Redis.Imports;

/// <summary>Thrown when an import or a revert is not possible. The message says why and is safe to show to callers.</summary>
public sealed class ImportException(string message) : Exception(message);
