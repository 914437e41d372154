using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Credentials;
using Lookup.Redis.Following;
using Lookup.Redis.Imports;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Reading;
using Lookup.Redis.Registers;
using Lookup.Redis.Topology;
using Lookup.Redis.Writing;
using StackExchange.Redis;

namespace Lookup.Redis.Store;

/// <summary>The store on a redis server, or a server that speaks its protocol. <see cref="StoreAdmin"/> opens it.</summary>
internal sealed class RedisStore : IFactStore
{
    private static readonly RedisValue[] MetaFields = ["e", "v"];

    private readonly RedisTopology _link;
    private readonly PartitionStates _partitions;
    private readonly Fences _fences;
    private readonly RedisFeed _feed;
    private readonly LostFacts _losses;
    private readonly BatchReader _batches;
    private readonly BatchReader _singles;
    private readonly ReadCoalescer _shared;
    private readonly RedisWriter _writer;
    private readonly ChangeNotifier _notifier;
    private readonly RedisNames _names;
    private readonly RedisRegistry _registry;
    private readonly ServerCheck _server;
    private readonly RedisValue _epoch;
    private readonly KeyRotationState _keys;

    internal RedisStore(RedisTopology link, StoreManifest manifest, KeyRotationState keys, ServerCheck server)
    {
        _link = link;
        _server = server;
        _keys = keys;
        Manifest = manifest;
        _epoch = StoreManifestFormat.Epoch(manifest.Epoch);
        _partitions = new PartitionStates(manifest.Partitions, link.Options.WaitReplicas > 0);
        _fences = new Fences(link, _epoch, keys);
        _losses = new LostFacts(link, _partitions, keys);
        _batches = new BatchReader(link, _partitions, _fences, keys, _losses);
        _singles = new BatchReader(link, _partitions, _fences, keys, _losses);
        _shared = new ReadCoalescer(link, _partitions, _singles);
        _names = new RedisNames(link, _epoch);
        _feed = new RedisFeed(link, _partitions, _fences, keys);
        _notifier = new ChangeNotifier(link, manifest);
        _writer = new RedisWriter(link, manifest, _partitions, _names);
        Filters = new RedisFilters(link, _partitions, _feed, keys);
        _registry = new RedisRegistry(link, _partitions, _fences, _epoch, keys);
        Access = new RedisAccess(link, _epoch, _names);
        Imports = new RedisImports(link, manifest, _partitions, _names, _registry, keys);
    }

    /// <inheritdoc/>
    public StoreManifest Manifest { get; }

    /// <inheritdoc/>
    public KeyRotationState EncryptionKeys => _keys;

    /// <inheritdoc/>
    public int Partitions => _partitions.Count;

    /// <inheritdoc/>
    public IImportStore Imports { get; }

    /// <inheritdoc/>
    public IAccessStore Access { get; }

    /// <inheritdoc/>
    public IFilterStore Filters { get; }

    /// <inheritdoc/>
    public StoreServers Servers => _link.Health;

    /// <inheritdoc/>
    public Task<KeyRotationResult> ChangeKeyAsync(string keyCheck, KeyRotationOptions options, Action<KeyRotationStep, double> progress, CancellationToken cancellation) =>
        new KeyRotation(_link, _keys, _partitions, _fences, _feed, Manifest, Imports, options, progress).RunAsync(keyCheck, cancellation);

    /// <inheritdoc/>
    public ValueTask<StoreRead> ReadAsync(NumberPseudonym key, ReadOnlyMemory<FactId> ids, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ids.Length, ReadBatch.MaxIds, nameof(ids));
        cancellation.ThrowIfCancellationRequested();
        return new ValueTask<StoreRead>(_shared.ReadAsync(key, ids.Span, cancellation));
    }

    /// <inheritdoc/>
    public Task ReadAsync(ReadBatch batch, CancellationToken cancellation) => _batches.ReadAsync(batch, cancellation);

    /// <inheritdoc/>
    public async Task<WriteResult> WriteAsync(IReadOnlyList<StoredFact> facts, CancellationToken cancellation)
    {
        var result = await InOnePhaseAsync(state => WriteAsync(facts, state, cancellation), cancellation);
        _notifier.Wrote();
        return result;
    }

    /// <inheritdoc/>
    public async Task<ConsistencyToken?> TryReplaceAsync(IReadOnlyList<TimelineChange> changes, CancellationToken cancellation)
    {
        var token = await InOnePhaseAsync(state => TryReplaceAsync(changes, state, cancellation), cancellation);
        _notifier.Wrote();
        return token;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<StoredTimeline>> ReadAllAsync(NumberPseudonym key, CancellationToken cancellation)
    {
        key = _keys.Under(key, _keys.Current.Phase.Reading);
        var partition = key.Partition(_partitions.Count);
        var entries = await CheckedAsync(
            partition, db => db.HashGetAllAsync(Keys.Bucket(partition, key.Bucket), CommandFlags.DemandMaster), cancellation);
        var prefix = Keys.Prefix(key);
        var found = new List<(FactId Id, byte[] Value, List<long> Times)>();
        var detailFields = new List<RedisValue>();
        var times = new FactEntry[Timeline.MaxEntries];
        foreach (var entry in entries)
        {
            byte[] field = entry.Name!;
            if (field.Length != Keys.FieldSize || !field.AsSpan().StartsWith(prefix))
            {
                continue;
            }

            var id = FactId.Read(field.AsSpan(NumberPseudonym.FieldSize));
            byte[] value = entry.Value!;
            var count = Timeline.Read(id.Kind, value, times, out _);
            if (count < 0)
            {
                throw RedisFaults.Damaged();
            }

            found.Add((id, value, [.. times.Take(count).Select(t => t.Effective)]));
            detailFields.AddRange(times.Take(count).Select(t => (RedisValue)Keys.VersionField(key, id, t.Effective)));
        }

        var texts = detailFields.Count == 0
            ? []
            : await _link.ReadAsync(
                partition,
                db => db.HashGetAsync(Keys.Details(partition, key.Bucket), [.. detailFields], CommandFlags.DemandMaster),
                cancellation);
        var next = 0;
        var timelines = new List<StoredTimeline>(found.Count);
        foreach (var (id, value, effective) in found.OrderBy(f => f.Id.Kind).ThenBy(f => f.Id.Scope).ThenBy(f => f.Id.Detail))
        {
            next = detailFields.IndexOf(Keys.VersionField(key, id, effective[0]));
            var details = new Dictionary<long, string>();
            foreach (var time in effective)
            {
                if (texts[next++] is { IsNull: false } text)
                {
                    details[time] = text!;
                }
            }

            timelines.Add(new StoredTimeline(id, value, details));
        }

        return timelines;
    }

    /// <inheritdoc/>
    public async Task<EraseResult> EraseAsync(NumberPseudonym key, StoredFact suppression, CancellationToken cancellation)
    {
        if (suppression.Key != key)
        {
            throw new ArgumentException("The suppression must be about the same number.", nameof(suppression));
        }

        var result = await InOnePhaseAsync(state => EraseAsync(suppression, state, cancellation), cancellation);
        _notifier.Wrote();
        return result;
    }

    /// <inheritdoc/>
    public ValueTask<uint> SourceIdAsync(string source, string actor, CancellationToken cancellation) =>
        _names.SourceIdAsync(source, actor, "", null, cancellation);

    /// <inheritdoc/>
    public ValueTask<StoredSource?> SourceAsync(uint id, CancellationToken cancellation) => _names.SourceAsync(id, cancellation);

    /// <inheritdoc/>
    public ValueTask<string?> NameAsync(ulong scope, CancellationToken cancellation) => _names.NameAsync(scope, cancellation);

    /// <inheritdoc/>
    public Task<Registry> ReadRegistryAsync(CancellationToken cancellation) => _registry.ReadAsync(cancellation);

    /// <inheritdoc/>
    public Task PutOrganisationAsync(StoredOrganisation organisation, CancellationToken cancellation) =>
        _registry.PutOrganisationAsync(organisation, cancellation);

    /// <inheritdoc/>
    public Task AddSnapshotAsync(string register, long date, CancellationToken cancellation) =>
        _registry.AddSnapshotAsync(register, date, cancellation);

    /// <inheritdoc/>
    public Task<FeedPoll[]> PollAsync(ReadOnlyMemory<ulong?> known, CancellationToken cancellation) =>
        _feed.PollAsync(known, cancellation);

    /// <inheritdoc/>
    public IDisposable Listen(Action heard) => _notifier.Listen(heard);

    /// <inheritdoc/>
    public void Expect(IKnownFacts known) => _losses.Expect(known);

    /// <inheritdoc/>
    public uint MarkOf(int partition, ulong version) => _partitions.History(partition).MarkOf(version);

    /// <inheritdoc/>
    public async ValueTask<bool> HasAsync(int partition, ulong version, uint mark, CancellationToken cancellation)
    {
        if (mark == 0 || version == 0)
        {
            return true;
        }

        if (MarkOf(partition, version) is not 0 and var known)
        {
            return known == mark;
        }

        return await _feed.ReadChangesAsync(partition, version - 1, 1, cancellation) is not [var change] || ChangeMark.Of(change) == mark;
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<FeedChange>?> ReadChangesAsync(int partition, ulong since, int max, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(max, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(max, 10_000);
        return _feed.ReadChangesAsync(partition, since, max, cancellation);
    }

    /// <inheritdoc/>
    public Task<LoadedFilter> LoadFilterAsync(int partition, CancellationToken cancellation) =>
        _feed.LoadFilterAsync(partition, cancellation);

    /// <inheritdoc/>
    public ValueTask FenceAsync(IEnumerable<int> partitions, CancellationToken cancellation) =>
        _fences.IsOn ? new ValueTask(_fences.RaiseAsync(partitions, cancellation)) : ValueTask.CompletedTask;

    /// <inheritdoc/>
    public async Task<StoreHealth> ProbeAsync(CancellationToken cancellation)
    {
        var floors = new ulong[_partitions.Count];
        for (var p = 0; p < floors.Length; p++)
        {
            floors[p] = _partitions.Floor(p);
        }

        var known = _keys.Current.Phase.Number;
        var warnings = await _server.CheckAsync(_link, Manifest.Partitions, cancellation);
        var (manifest, state) = StoreManifestFormat.Read(await _link.ReadAsync(
            Keys.Shared, db => db.HashGetAsync(Keys.Manifest, StoreManifestFormat.Fields, CommandFlags.DemandMaster), cancellation));
        if (manifest.Epoch != Manifest.Epoch)
        {
            throw RedisFaults.Epoch(StoreManifestFormat.Epoch(manifest.Epoch));
        }

        if (state != StoreManifestFormat.Ready)
        {
            throw RedisFaults.Epoch(StoreManifestFormat.LoadingEpoch);
        }

        _keys.Advance(manifest.Phase, known);
        _registry.ThrowIfDamaged();
        var metas = await Task.WhenAll(Enumerable.Range(0, floors.Length).Select(async p =>
        {
            try
            {
                return await _link.ReadAsync(
                    p, db => db.HashGetAsync(Keys.Meta(p), ["e", "v", "g", "n"], CommandFlags.DemandMaster), cancellation);
            }
            catch (StoreUnavailableException e) when (e.IsElsewhere && floors.Length > 1)
            {
                // The other partitions stay usable; calls to this one report the fault themselves.
                return null;
            }
        }));
        long facts = 0;
        for (var p = 0; p < metas.Length; p++)
        {
            if (metas[p] is null)
            {
                warnings = [.. warnings, $"Partition {p} is moving to another server."];
                continue;
            }

            Check(p, metas[p]![0], metas[p]![1], floors[p]);
            if (metas[p]![2].IsNull || !metas[p]![3].TryParse(out long count))
            {
                throw RedisFaults.Damaged();
            }

            _partitions.SetGenerations(p, FilterGenerations.Parse(metas[p]![2]!));
            facts += count;
        }

        return new StoreHealth(
            facts,
            warnings,
            await ServerCheck.TryWritesAsync(_link, Manifest.Partitions, cancellation),
            await _server.ClockAheadAsync(_link, Manifest.Partitions, cancellation));
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _batches.Dispose();
        _singles.Dispose();
        _fences.Dispose();
        _feed.Dispose();
        return _link.DisposeAsync();
    }

    // Write under the old key first: while facts are copied, reads use it, see KeyRotation.cs.
    private async Task<WriteResult> WriteAsync(IReadOnlyList<StoredFact> facts, KeyState state, CancellationToken cancellation)
    {
        var result = await _writer.WriteAsync(Under(state.Phase.Key), state.AcceptedEpochs, cancellation);
        if (!state.Phase.IsBoth)
        {
            return result;
        }

        var next = await _writer.WriteAsync(Under(state.Phase.Next), state.AcceptedEpochs, cancellation);
        return result with { Token = result.Token.And(next.Token) };

        List<StoredFact> Under(string keyCheck) => [.. facts.Select(fact => fact with { Key = _keys.Under(fact.Key, keyCheck) })];
    }

    // A writer that decides by the old key and one that decides by the new key must not both win, and neither may later conflict
    // with a writer that uses the new key alone. So the old key decides first, for all; where writers may use the new key alone,
    // the new key decides as well. A writer that won under the old key only is already counted there, so it is counted under the
    // new key too.
    private async Task<ConsistencyToken?> TryReplaceAsync(IReadOnlyList<TimelineChange> changes, KeyState state, CancellationToken cancellation)
    {
        var token = await _writer.TryReplaceAsync(Under(state.Phase.Key), state.AcceptedEpochs, cancellation);
        if (token is null || !state.Phase.IsBoth)
        {
            return token;
        }

        var next = Under(state.Phase.Next);
        if (await _writer.TryReplaceAsync(next, state.AcceptedEpochs, cancellation) is { } both)
        {
            return token.And(both);
        }

        var merged = await _writer.WriteAsync(next.ConvertAll(change => change.Fact), state.AcceptedEpochs, cancellation);
        return state.Phase.IsCopying ? token.And(merged.Token) : null;

        List<TimelineChange> Under(string keyCheck) =>
            [.. changes.Select(change => change with { Fact = change.Fact with { Key = _keys.Under(change.Fact.Key, keyCheck) } })];
    }

    private async Task<EraseResult> EraseAsync(StoredFact suppression, KeyState state, CancellationToken cancellation)
    {
        var result = await EraseAsync(state.Phase.Key);
        if (!state.Phase.IsBoth)
        {
            return result;
        }

        var next = await EraseAsync(state.Phase.Next);
        return new EraseResult(Math.Max(result.Erased, next.Erased), result.Token.And(next.Token));

        Task<EraseResult> EraseAsync(string keyCheck)
        {
            var key = _keys.Under(suppression.Key, keyCheck);
            return _writer.EraseAsync(key, suppression with { Key = key }, state.AcceptedEpochs, cancellation);
        }
    }

    // A write uses one phase of the key rotation throughout. If the store has advanced meanwhile, the write is repeated.
    private async Task<T> InOnePhaseAsync<T>(Func<KeyState, Task<T>> write, CancellationToken cancellation)
    {
        while (true)
        {
            var state = _keys.Current;
            try
            {
                return await write(state);
            }
            catch (StoreUnavailableException e) when (e.Fault == StoreFault.WrongKey)
            {
                var values = await StoreAdmin.ManifestAsync(_link, cancellation);
                _keys.Advance(StoreManifestFormat.Read(values).Manifest.Phase, state.Phase.Number);
                if (_keys.Current == state)
                {
                    throw;
                }
            }
        }
    }

    // The version before the read is a lower bound of what it contains; the epoch after it proves that the store was still the
    // same.
    private async Task<T> CheckedAsync<T>(int partition, Func<IDatabase, Task<T>> read, CancellationToken cancellation)
    {
        var floor = _partitions.Floor(partition);
        var meta = Keys.Meta(partition);
        Task<RedisValue[]>? before = null;
        Task<RedisValue[]>? after = null;
        var values = await _link.ReadAsync(
            partition,
            async db =>
            {
                before = db.HashGetAsync(meta, MetaFields, CommandFlags.DemandMaster);
                var values = read(db);
                after = db.HashGetAsync(meta, MetaFields, CommandFlags.DemandMaster);
                await after;
                await before;
                return await values;
            },
            cancellation);
        var first = Check(partition, (await before!)[0], (await before!)[1], floor);
        Check(partition, (await after!)[0], (await after!)[1], first);
        return values;
    }

    private ulong Check(int partition, RedisValue epoch, RedisValue version, ulong floor) =>
        _partitions.Check(partition, _keys, epoch, version, floor);
}
