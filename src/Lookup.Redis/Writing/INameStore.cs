namespace Lookup.Redis.Writing;

/// <summary>The names of scopes and the numbers of sources. Thread-safe.</summary>
public interface INameStore
{
    /// <summary>Returns the number of a source and actor, assigned at the first call; 1 or more.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public ValueTask<uint> SourceIdAsync(string source, string actor, CancellationToken cancellation);

    /// <summary>Returns the source with a number; null if there is none.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public ValueTask<StoredSource?> SourceAsync(uint id, CancellationToken cancellation);

    /// <summary>Returns the name of a scope as the first fact gave it; null if there is none.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public ValueTask<string?> NameAsync(ulong scope, CancellationToken cancellation);
}
