namespace Lookup.Redis.Writing;

/// <summary>
/// Thrown when another name already has the scope of an organisation or product group, so nothing can be stored for this one.
/// </summary>
public sealed class NameCollisionException() : Exception("Another name already has this scope.");
