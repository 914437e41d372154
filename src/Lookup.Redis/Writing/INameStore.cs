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

    /// <summary>
    /// Returns whether the name of a scope has a record, a grant or a fact. The results of calls do not count: a dialer that misspells its
    /// organisation would make the name known by its first call.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public ValueTask<bool> IsKnownAsync(ulong scope, CancellationToken cancellation);

    /// <summary>Returns whether this process knows that already, because it read or registered the name.</summary>
    public bool IsKnownInMemory(ulong scope);
}
