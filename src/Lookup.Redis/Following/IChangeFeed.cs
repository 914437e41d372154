namespace Lookup.Redis.Following;

/// <summary>The changes of the facts in order, and the filters from which a process starts to follow them. Thread-safe.</summary>
public interface IChangeFeed
{
    /// <summary>Number of partitions; each has a feed of its own.</summary>
    public int Partitions { get; }

    /// <summary>Polls every partition for changes, on the primary.</summary>
    /// <param name="known">By partition: return the changes after this version; null: return none.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>The result of each partition.</returns>
    /// <exception cref="StoreUnavailableException">The store could not answer, or must not be used.</exception>
    public Task<FeedPoll[]> PollAsync(ReadOnlyMemory<ulong?> known, CancellationToken cancellation);

    /// <summary>
    /// Calls back soon after any process wrote facts, until the result is disposed. A call may be lost: it only shortens the wait
    /// for the next poll.
    /// </summary>
    /// <param name="heard">Called on any thread; must not block or throw.</param>
    public IDisposable Listen(Action heard);

    /// <summary>Reads the changes of a partition after a version, from the primary.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="since">The version.</param>
    /// <param name="max">Maximum number of changes, 1 to 10,000.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>
    /// The first changes after the version, in order and without a gap; empty if there are none. Null if some are no longer kept,
    /// or the partition never had that version.
    /// </returns>
    /// <exception cref="StoreUnavailableException">The store could not answer, or must not be used.</exception>
    public Task<IReadOnlyList<FeedChange>?> ReadChangesAsync(int partition, ulong since, int max, CancellationToken cancellation);

    /// <summary>
    /// Reads the filter of a partition. If the stored filter cannot be proven complete, builds one in memory from the facts
    /// instead.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">The store could not answer, or must not be used.</exception>
    public Task<LoadedFilter> LoadFilterAsync(int partition, CancellationToken cancellation);

    /// <summary>
    /// Returns the mark of the change with a version, see <see cref="ChangeMark"/>; 0 if this process does not know it.
    /// </summary>
    public uint MarkOf(int partition, ulong version);

    /// <summary>
    /// Checks whether a version of a partition belongs to the change with a mark. In a lost history it belonged to another
    /// change.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="version">The version.</param>
    /// <param name="mark">The mark; 0 if unknown.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>True also if the change is no longer kept, so that the mark cannot be compared.</returns>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public ValueTask<bool> HasAsync(int partition, ulong version, uint mark, CancellationToken cancellation);

    /// <summary>
    /// Registers what this process knows of the facts. A read that misses one of them is checked against the stored count of the
    /// number's bucket; if facts were deleted without the service, the store is rejected.
    /// </summary>
    public void Expect(IKnownFacts known);
}
