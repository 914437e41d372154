namespace Lookup.Redis.Imports;

/// <summary>An import or a revert cannot be done as asked. The message says why and is fit for callers.</summary>
public sealed class ImportException(string message) : Exception(message);
