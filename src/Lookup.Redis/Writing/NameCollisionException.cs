namespace Lookup.Redis.Writing;

/// <summary>Another name has the scope of an organisation or product group already, so nothing can be stored for this one.</summary>
public sealed class NameCollisionException() : Exception("Another name has this scope already.");
