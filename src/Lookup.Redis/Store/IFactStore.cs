using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Credentials;
using Lookup.Redis.Following;
using Lookup.Redis.Imports;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Reading;
using Lookup.Redis.Writing;

namespace Lookup.Redis.Store;

/// <summary>
/// Keeps facts. Every call either answers from the store whose manifest was opened, at least as new as anything this
/// process saw of it before, or throws <see cref="StoreUnavailableException"/>: an empty, foreign, rolled back or
/// unreachable store never looks like one without facts. Thread-safe.
/// </summary>
public interface IFactStore : IAsyncDisposable
{
    /// <summary>What the store was set up with.</summary>
    public StoreManifest Manifest { get; }

    /// <summary>Check value of the number key by which facts are read now; another one once the key is changed.</summary>
    public string KeyCheck { get; }

    /// <summary>
    /// Whether a cipher makes the keys by which facts are read: it is the one that the store was opened with, and so goes on with it
    /// when the number key is changed, or the store was opened with one key alone, that is also the cipher's, and cannot go on.
    /// </summary>
    public bool IsReadBy(NumberCipher cipher);

    /// <summary>
    /// Whether a number's key is under a new number key to which facts are being copied: all that is stored by it is under the
    /// old one, too, and is read there.
    /// </summary>
    public bool IsCopy(NumberPseudonym key);

    /// <summary>
    /// Whether the number key is being changed, or was, and the old one is still here: changes of a number may then stand in the feeds
    /// of two partitions, and each of those tells it in order.
    /// </summary>
    public bool HasTwoFeeds { get; }

    /// <summary>
    /// Changes the number key while services read and write, or goes on where that was broken off; see KeyRotation.cs. Ends at
    /// once where the store has the key alone already.
    /// </summary>
    /// <param name="keyCheck">Check value of the new key; the cipher that the store was opened with must have it.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Is told the step and the share of it that is done, 0 to 1.</param>
    /// <param name="cancellation">Breaks it off; it can be gone on with.</param>
    /// <exception cref="KeyRotationException">It cannot be done now; the message says why and what to do.</exception>
    /// <exception cref="StoreUnavailableException">The store could not answer or take it; it can be gone on with.</exception>
    public Task<KeyRotationResult> ChangeKeyAsync(
        string keyCheck, KeyRotationOptions options, Action<KeyRotationStep, double> progress, CancellationToken cancellation);

    /// <summary>What is kept of imports.</summary>
    public IImportStore Imports { get; }

    /// <summary>Who may ask for whom.</summary>
    public IAccessStore Access { get; }

    /// <summary>The filters.</summary>
    public IFilterStore Filters { get; }

    /// <summary>The servers that it is on, as far as is known.</summary>
    public StoreServers Servers { get; }

    /// <summary>Reads timelines of a number on the primary, in one round trip.</summary>
    /// <param name="key">The number.</param>
    /// <param name="ids">Up to 256 timelines.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public ValueTask<StoreRead> ReadAsync(NumberPseudonym key, ReadOnlyMemory<FactId> ids, CancellationToken cancellation);

    /// <summary>
    /// Reads the timelines of many numbers on the primary, pipelined by partition. What a partition cannot answer is a
    /// fault of its items, as it would be the exception of a single read; the others are answered.
    /// </summary>
    /// <param name="batch">What to read; takes the answers. Not to be touched until the task has ended.</param>
    /// <param name="cancellation">Ends the wait; the batch then has no answers.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public Task ReadAsync(ReadBatch batch, CancellationToken cancellation);

    /// <summary>
    /// Makes sure that what is read of these partitions afterwards holds all that was acknowledged anywhere before this call,
    /// or tells by <see cref="StoreRead.AsOf"/> that it does not: the server might have been replaced and not know it. Ends at
    /// once where writes wait for no replicas.
    /// </summary>
    /// <param name="partitions">The partitions.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">Too few replicas confirm it, or the store could not answer.</exception>
    public ValueTask FenceAsync(IEnumerable<int> partitions, CancellationToken cancellation);

    /// <summary>
    /// Merges facts into their timelines. When the task ends they are as durable as the store is configured. After an
    /// exception some of them may be stored: send all of them again.
    /// </summary>
    /// <param name="facts">Any number, in any order; several of one timeline are merged.</param>
    /// <param name="cancellation">Ends the wait, not what was sent.</param>
    /// <exception cref="StoreUnavailableException">The store could not take them all.</exception>
    public Task<WriteResult> WriteAsync(IReadOnlyList<StoredFact> facts, CancellationToken cancellation);

    /// <summary>
    /// Replaces timelines of one number if every one of them is still what is expected; else none. When the task ends with a
    /// token they are as durable as the store is configured. After an exception they may be stored.
    /// </summary>
    /// <param name="changes">At least one, all of one number.</param>
    /// <param name="cancellation">Ends the wait, not what was sent.</param>
    /// <returns>A read at this token sees them; null where one was not as expected, and nothing is stored.</returns>
    /// <exception cref="NameCollisionException">The scope of one has another name; nothing is stored.</exception>
    /// <exception cref="StoreUnavailableException">The store could not take them.</exception>
    public Task<ConsistencyToken?> TryReplaceAsync(IReadOnlyList<TimelineChange> changes, CancellationToken cancellation);

    /// <summary>Everything known of a number.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public Task<IReadOnlyList<StoredTimeline>> ReadAllAsync(NumberPseudonym key, CancellationToken cancellation);

    /// <summary>Removes everything known of a number and writes one fact in its place, in one step.</summary>
    /// <param name="key">The number.</param>
    /// <param name="suppression">What stays: a fact about the same number.</param>
    /// <param name="cancellation">Ends the wait, not what was sent.</param>
    /// <exception cref="StoreUnavailableException">The store could not do it.</exception>
    public Task<EraseResult> EraseAsync(NumberPseudonym key, StoredFact suppression, CancellationToken cancellation);

    /// <summary>The number of a source and actor, given out at the first use; 1 or more.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public ValueTask<uint> SourceIdAsync(string source, string actor, CancellationToken cancellation);

    /// <summary>The source behind a number; null if none has it.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public ValueTask<StoredSource?> SourceAsync(uint id, CancellationToken cancellation);

    /// <summary>The name behind a scope, as facts brought it; null if none did.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public ValueTask<string?> NameAsync(ulong scope, CancellationToken cancellation);

    /// <summary>Organisations, snapshots of registers, credentials and grants. Costs little where nothing changed since the last call.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public Task<Registry> ReadRegistryAsync(CancellationToken cancellation);

    /// <summary>Creates or replaces the record of an organisation.</summary>
    /// <exception cref="StoreUnavailableException">The store could not take it.</exception>
    public Task PutOrganisationAsync(StoredOrganisation organisation, CancellationToken cancellation);

    /// <summary>States that a register is loaded as of a date; again with the same end state.</summary>
    /// <param name="register">Name of the register.</param>
    /// <param name="date">Unix milliseconds.</param>
    /// <param name="cancellation">Ends the wait, not what was sent.</param>
    /// <exception cref="StoreUnavailableException">The store could not take it.</exception>
    public Task AddSnapshotAsync(string register, long date, CancellationToken cancellation);

    /// <summary>Asks every partition what changed, on the primary.</summary>
    /// <param name="known">By partition: the version from which on changes are wanted; null: none.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>By partition.</returns>
    /// <exception cref="StoreUnavailableException">The store could not answer, or must not be used.</exception>
    public Task<FeedPoll[]> PollAsync(ReadOnlyMemory<ulong?> known, CancellationToken cancellation);

    /// <summary>
    /// Calls back soon after facts were written, by whomever, until the result is disposed of. A call may be lost: it only
    /// saves the wait for the next poll.
    /// </summary>
    /// <param name="heard">Called on any thread; must not block or throw.</param>
    public IDisposable Listen(Action heard);

    /// <summary>
    /// Names what this process knows of the facts. A read that lacks one of them is checked against the number of facts that were
    /// stored beside it; if some were deleted past the service, the store is refused.
    /// </summary>
    public void Expect(IKnownFacts known)
    {
        // A store that guards its facts in another way needs no such help.
    }

    /// <summary>The mark of the change that has a version, see <see cref="ChangeMark"/>; 0 if this process does not know it.</summary>
    public uint MarkOf(int partition, ulong version) => 0;

    /// <summary>
    /// Whether a version of a partition belongs to the change with a mark; in another history, which was lost, it belonged to another.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="version">The version.</param>
    /// <param name="mark">The mark; 0: not known.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>True also where the change is not kept any more, so that nobody can tell.</returns>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public ValueTask<bool> HasAsync(int partition, ulong version, uint mark, CancellationToken cancellation) => ValueTask.FromResult(true);

    /// <summary>Reads what was written to a partition after a version, on the primary.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="since">The version.</param>
    /// <param name="max">Most changes wanted, 1 to 10,000.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>
    /// The first changes after the version, in the order of their versions and without a gap; empty if there is none. Null
    /// where they are not all kept any more, or the partition was never at that version.
    /// </returns>
    /// <exception cref="StoreUnavailableException">The store could not answer, or must not be used.</exception>
    public Task<IReadOnlyList<FeedChange>?> ReadChangesAsync(int partition, ulong since, int max, CancellationToken cancellation);

    /// <summary>
    /// Reads the filter of a partition. One that cannot be shown to be whole is not used; the filter is made from the facts instead.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">The store could not answer, or must not be used.</exception>
    public Task<LoadedFilter> LoadFilterAsync(int partition, CancellationToken cancellation);

    /// <summary>Checks the manifest, every partition, the server's settings, and whether writes are taken.</summary>
    /// <exception cref="StoreUnavailableException">The service must not serve from this store.</exception>
    public Task<StoreHealth> ProbeAsync(CancellationToken cancellation);
}
