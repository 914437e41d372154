using Lookup.Core.Facts;
using Lookup.Core.Numbers;

namespace Lookup.Redis.Writing;

/// <summary>Writes facts. Thread-safe.</summary>
public interface IFactWriter
{
    /// <summary>
    /// Merges facts into their timelines. When the task ends, they are as durable as the store is configured. After an exception
    /// some may be stored: send all of them again.
    /// </summary>
    /// <param name="facts">Any number, in any order; several facts of one timeline are merged.</param>
    /// <param name="cancellation">Ends the wait, not the write.</param>
    /// <exception cref="StoreUnavailableException">The store could not accept all of them.</exception>
    public Task<WriteResult> WriteAsync(IReadOnlyList<StoredFact> facts, CancellationToken cancellation);

    /// <summary>
    /// Replaces timelines of one number if all have their expected values; otherwise replaces none. When the task ends with a
    /// token, they are as durable as the store is configured. After an exception they may be stored.
    /// </summary>
    /// <param name="changes">At least one, all of one number.</param>
    /// <param name="cancellation">Ends the wait, not the write.</param>
    /// <returns>A token at which reads see the changes; null if a value was not the expected one and nothing is stored.</returns>
    /// <exception cref="NameCollisionException">The scope of one has another name; nothing is stored.</exception>
    /// <exception cref="StoreUnavailableException">The store could not accept them.</exception>
    public Task<ConsistencyToken?> TryReplaceAsync(IReadOnlyList<TimelineChange> changes, CancellationToken cancellation);

    /// <summary>Removes everything stored about a number and writes one fact in its place, in one step.</summary>
    /// <param name="key">The number.</param>
    /// <param name="suppression">The fact to store, about the same number.</param>
    /// <param name="cancellation">Ends the wait, not the write.</param>
    /// <exception cref="StoreUnavailableException">The store could not do it.</exception>
    public Task<EraseResult> EraseAsync(NumberPseudonym key, StoredFact suppression, CancellationToken cancellation);
}
