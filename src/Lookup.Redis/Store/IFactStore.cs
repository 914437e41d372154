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
/// Stores facts. Every call answers from the store whose manifest was opened, at least as new as anything this process has seen
/// of it, or throws <see cref="StoreUnavailableException"/>: an empty, foreign, rolled back or unreachable store never looks like
/// one without facts. Thread-safe.
/// </summary>
public interface IFactStore : IAsyncDisposable
{
    /// <summary>The settings with which the store was set up.</summary>
    public StoreManifest Manifest { get; }

    /// <summary>Check value of the encryption key by which facts are read now; it changes during a key rotation.</summary>
    public string KeyCheck { get; }

    /// <summary>
    /// Returns true if a cipher makes the pseudonyms by which facts are read: it is the cipher that the store was opened with and
    /// follows its key rotation, or the store was opened with one key only, which is also the cipher's.
    /// </summary>
    public bool IsReadBy(NumberCipher cipher);

    /// <summary>
    /// Returns true if a pseudonym is under a new encryption key to which facts are being copied. Everything stored under it is
    /// also stored, and read, under the old key.
    /// </summary>
    public bool IsCopy(NumberPseudonym key);

    /// <summary>
    /// True during a key rotation, and after it as long as the old key is configured: changes of a number may then appear in the
    /// feeds of two partitions, each in order.
    /// </summary>
    public bool HasTwoFeeds { get; }

    /// <summary>
    /// Rotates the encryption key while services read and write, or continues an interrupted rotation; see KeyRotation.cs.
    /// Returns immediately if the store already uses only this key.
    /// </summary>
    /// <param name="keyCheck">Check value of the new key; the cipher with which the store was opened must have it.</param>
    /// <param name="options">Limits and waits.</param>
    /// <param name="progress">Called with the step and its completed share, 0 to 1.</param>
    /// <param name="cancellation">Interrupts the rotation; a later call continues it.</param>
    /// <exception cref="KeyRotationException">The rotation cannot run now; the message says why and how to fix it.</exception>
    /// <exception cref="StoreUnavailableException">The store failed; a later call continues the rotation.</exception>
    public Task<KeyRotationResult> ChangeKeyAsync(
        string keyCheck, KeyRotationOptions options, Action<KeyRotationStep, double> progress, CancellationToken cancellation);

    /// <summary>Records of imports.</summary>
    public IImportStore Imports { get; }

    /// <summary>Credentials and grants.</summary>
    public IAccessStore Access { get; }

    /// <summary>The stored filters.</summary>
    public IFilterStore Filters { get; }

    /// <summary>The known servers of the store.</summary>
    public StoreServers Servers { get; }

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

    /// <summary>
    /// Ensures that later reads of these partitions include everything acknowledged anywhere before this call, or report through
    /// <see cref="StoreRead.AsOf"/> that they do not: the server might have been replaced without knowing it. Returns immediately
    /// if writes wait for no replicas.
    /// </summary>
    /// <param name="partitions">The partitions.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">Too few replicas confirm the fence, or the store could not answer.</exception>
    public ValueTask FenceAsync(IEnumerable<int> partitions, CancellationToken cancellation);

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

    /// <summary>Reads everything stored about a number.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public Task<IReadOnlyList<StoredTimeline>> ReadAllAsync(NumberPseudonym key, CancellationToken cancellation);

    /// <summary>Removes everything stored about a number and writes one fact in its place, in one step.</summary>
    /// <param name="key">The number.</param>
    /// <param name="suppression">The fact to store, about the same number.</param>
    /// <param name="cancellation">Ends the wait, not the write.</param>
    /// <exception cref="StoreUnavailableException">The store could not do it.</exception>
    public Task<EraseResult> EraseAsync(NumberPseudonym key, StoredFact suppression, CancellationToken cancellation);

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
    /// Reads organisations, snapshots of registers, credentials and grants. Cheap if nothing changed since the last call.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public Task<Registry> ReadRegistryAsync(CancellationToken cancellation);

    /// <summary>Creates or replaces the record of an organisation.</summary>
    /// <exception cref="StoreUnavailableException">The store could not accept it.</exception>
    public Task PutOrganisationAsync(StoredOrganisation organisation, CancellationToken cancellation);

    /// <summary>Records that a register is loaded as of a date. Idempotent.</summary>
    /// <param name="register">Name of the register.</param>
    /// <param name="date">Unix milliseconds.</param>
    /// <param name="cancellation">Ends the wait, not the write.</param>
    /// <exception cref="StoreUnavailableException">The store could not accept it.</exception>
    public Task AddSnapshotAsync(string register, long date, CancellationToken cancellation);

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

    /// <summary>
    /// Registers what this process knows of the facts. A read that misses one of them is checked against the stored count of the
    /// number's bucket; if facts were deleted without the service, the store is rejected.
    /// </summary>
    public void Expect(IKnownFacts known)
    {
        // A store that protects its facts in another way does not need this.
    }

    /// <summary>
    /// Returns the mark of the change with a version, see <see cref="ChangeMark"/>; 0 if this process does not know it.
    /// </summary>
    public uint MarkOf(int partition, ulong version) => 0;

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
    public ValueTask<bool> HasAsync(int partition, ulong version, uint mark, CancellationToken cancellation) => ValueTask.FromResult(true);

    /// <summary>
    /// Returns when the newest change of a partition was recorded, in Unix milliseconds; 0 if no change is kept.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public Task<long> ReadNewestRecordingAsync(int partition, CancellationToken cancellation) => Task.FromResult(0L);

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

    /// <summary>Checks the manifest, every partition, the servers' settings, and whether writes are accepted.</summary>
    /// <exception cref="StoreUnavailableException">The service must not use this store.</exception>
    public Task<StoreHealth> ProbeAsync(CancellationToken cancellation);
}
