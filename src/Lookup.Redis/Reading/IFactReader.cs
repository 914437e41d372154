using Lookup.Core.Facts;
using Lookup.Core.Numbers;

namespace Lookup.Redis.Reading;

/// <summary>
/// Reads facts. Every call answers from the store whose manifest was opened, at least as new as anything this process has seen of it,
/// or throws <see cref="StoreUnavailableException"/>: an empty, foreign, rolled back or unreachable store never looks like one without
/// facts. Thread-safe.
/// </summary>
public interface IFactReader
{
    /// <summary>Reads timelines of a number from the primary, in one round trip.</summary>
    /// <param name="key">The number.</param>
    /// <param name="ids">Up to 256 timelines.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public ValueTask<StoreRead> ReadAsync(NumberPseudonym key, ReadOnlyMemory<FactId> ids, CancellationToken cancellation);

    /// <summary>
    /// Reads the timelines of many numbers from the primary, pipelined by partition. If a partition cannot answer, its items get
    /// the fault that a single read would throw; the others are answered.
    /// </summary>
    /// <param name="batch">What to read; receives the answers. Do not touch it until the task has ended.</param>
    /// <param name="cancellation">Ends the wait; the batch then has no answers.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public Task ReadAsync(ReadBatch batch, CancellationToken cancellation);

    /// <summary>Reads everything stored about a number.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public Task<IReadOnlyList<StoredTimeline>> ReadAllAsync(NumberPseudonym key, CancellationToken cancellation);

    /// <summary>
    /// Ensures that later reads of these partitions include everything acknowledged anywhere before this call, or report through
    /// <see cref="StoreRead.AsOf"/> that they do not: the server might have been replaced without knowing it. Returns immediately
    /// if writes wait for no replicas.
    /// </summary>
    /// <param name="partitions">The partitions.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">Too few replicas confirm the fence, or the store could not answer.</exception>
    public ValueTask FenceAsync(IEnumerable<int> partitions, CancellationToken cancellation);
}
