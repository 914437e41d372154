using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Reading;
using Lookup.Redis.Registers;
using Lookup.Redis.Store;
using Lookup.Redis.Writing;

namespace Lookup.Testing.Server;

/// <summary>A store in front of a real one that fails or waits where a test says so.</summary>
internal sealed record TroubledStore : FactStore, IFactReader, IFactWriter, INameStore, IChangeFeed, IRegistryStore, IStoreMaintenance
{
    private readonly FactStore _inner;

    internal TroubledStore(FactStore inner)
        : base(inner) => (_inner, Reader, Writer, Names, Feed, Registry, Maintenance) = (inner, this, this, this, this, this, this);

    /// <summary>Runs before each call; it may wait or throw.</summary>
    internal Func<CancellationToken, Task> Trouble { get; set; } = _ => Task.CompletedTask;

    /// <summary>Runs before each look-up of a name.</summary>
    internal Func<CancellationToken, Task> NameTrouble { get; set; } = _ => Task.CompletedTask;

    /// <summary>Runs behind each poll and load of a filter, before the answer is handed over.</summary>
    internal Func<Task> OnTheWayBack { get; set; } = () => Task.CompletedTask;

    /// <summary>Runs behind each read of a number's timelines, before the answer is handed over.</summary>
    internal Func<Task> OnReadOnTheWayBack { get; set; } = () => Task.CompletedTask;

    /// <summary>Numbers read so far.</summary>
    internal int Reads { get; private set; }

    /// <summary>Versions that reads tell are so much lower than the real ones.</summary>
    internal ulong Behind { get; set; }

    /// <summary>Runs before the registry is read.</summary>
    internal Func<CancellationToken, Task> RegistryTrouble { get; set; } = _ => Task.CompletedTask;

    /// <summary>Timelines that single reads do not bring although they are there.</summary>
    internal Func<FactId, bool> Hide { get; set; } = _ => false;

    /// <summary>A planted defect: what the call reads lacks the objections that are there.</summary>
    internal async Task<T> WithoutObjectionsAsync<T>(Func<Task<T>> call)
    {
        Hide = id => id.Kind == FactKind.Objection;
        try
        {
            return await call();
        }
        finally
        {
            Hide = _ => false;
        }
    }

    public int Partitions => _inner.Feed.Partitions;

    public StoreServers Servers => _inner.Maintenance.Servers;

    public Task VisitEvidenceAsync(Action<StoredEvidence> visit, Action<double> progress, CancellationToken cancellation) =>
        _inner.Maintenance.VisitEvidenceAsync(visit, progress, cancellation);

    public Task<IReadOnlyList<RetentionCount>> RetainAsync(RetentionOrder order, Action<double> progress, CancellationToken cancellation) =>
        _inner.Maintenance.RetainAsync(order, progress, cancellation);

    public Task<KeyRotationResult> ChangeKeyAsync(
        string keyCheck, KeyRotationOptions options, Action<KeyRotationStep, double> progress, CancellationToken cancellation) =>
        _inner.Maintenance.ChangeKeyAsync(keyCheck, options, progress, cancellation);

    public async ValueTask<StoreRead> ReadAsync(NumberPseudonym key, ReadOnlyMemory<FactId> ids, CancellationToken ct)
    {
        await Trouble(ct);
        var read = await _inner.Reader.ReadAsync(key, ids, ct);
        Reads++;
        await OnReadOnTheWayBack();
        var values = read.Values.Select((value, i) => Hide(ids.Span[i]) ? null : value).ToArray();
        return read with { Values = values, Version = read.Version - Math.Min(Behind, read.Version) };
    }

    public async Task ReadAsync(ReadBatch batch, CancellationToken ct)
    {
        batch.StartRead(Manifest.Partitions);
        try
        {
            await Trouble(ct);
        }
        catch (StoreUnavailableException e)
        {
            batch.SetFaultOfUnanswered([.. Enumerable.Range(0, Manifest.Partitions)], e);
            return;
        }

        await _inner.Reader.ReadAsync(batch, ct);
        Reads += batch.Count;
        await OnReadOnTheWayBack();
        for (var item = 0; item < batch.Count; item++)
        {
            if (batch.Fault(item) is null)
            {
                batch.SetAnswered(item, batch.Position(item).Version - Math.Min(Behind, batch.Position(item).Version), batch.AsOf(item));
            }
        }
    }

    public async Task<WriteResult> WriteAsync(IReadOnlyList<StoredFact> facts, CancellationToken ct)
    {
        await Trouble(ct);
        return await _inner.Writer.WriteAsync(facts, ct);
    }

    public async Task<IReadOnlyList<StoredTimeline>> ReadAllAsync(NumberPseudonym key, CancellationToken ct)
    {
        await Trouble(ct);
        return await _inner.Reader.ReadAllAsync(key, ct);
    }

    public async Task<ConsistencyToken?> TryReplaceAsync(IReadOnlyList<TimelineChange> changes, CancellationToken ct)
    {
        await Trouble(ct);
        return await _inner.Writer.TryReplaceAsync(changes, ct);
    }

    public async Task<EraseResult> EraseAsync(NumberPseudonym key, StoredFact suppression, CancellationToken ct)
    {
        await Trouble(ct);
        return await _inner.Writer.EraseAsync(key, suppression, ct);
    }

    public async ValueTask<uint> SourceIdAsync(string source, string actor, CancellationToken ct)
    {
        await Trouble(ct);
        return await _inner.Names.SourceIdAsync(source, actor, ct);
    }

    public async ValueTask<StoredSource?> SourceAsync(uint id, CancellationToken ct)
    {
        await Trouble(ct);
        return await _inner.Names.SourceAsync(id, ct);
    }

    public async ValueTask<string?> NameAsync(ulong scope, CancellationToken ct)
    {
        await Trouble(ct);
        await NameTrouble(ct);
        return await _inner.Names.NameAsync(scope, ct);
    }

    public bool IsKnownInMemory(ulong scope) => _inner.Names.IsKnownInMemory(scope);

    public async ValueTask<bool> IsKnownAsync(ulong scope, CancellationToken ct)
    {
        await Trouble(ct);
        await NameTrouble(ct);
        return await _inner.Names.IsKnownAsync(scope, ct);
    }

    public async Task<Registry> ReadAsync(CancellationToken ct)
    {
        await Trouble(ct);
        await RegistryTrouble(ct);
        return await _inner.Registry.ReadAsync(ct);
    }

    public async Task PutOrganisationAsync(StoredOrganisation organisation, CancellationToken ct)
    {
        await Trouble(ct);
        await _inner.Registry.PutOrganisationAsync(organisation, ct);
    }

    public async Task<bool[]> ChangeBlocksAsync(IReadOnlyList<BlockChange> changes, CancellationToken ct)
    {
        await Trouble(ct);
        return await _inner.Registry.ChangeBlocksAsync(changes, ct);
    }

    public async Task AddSnapshotAsync(string register, long date, CancellationToken ct)
    {
        await Trouble(ct);
        await _inner.Registry.AddSnapshotAsync(register, date, ct);
    }

    public async Task<FeedPoll[]> PollAsync(ReadOnlyMemory<ulong?> known, CancellationToken ct)
    {
        await Trouble(ct);
        var polls = await _inner.Feed.PollAsync(known, ct);
        await OnTheWayBack();
        return polls;
    }

    public void Expect(IKnownFacts known) => _inner.Feed.Expect(known);

    public Task<long> ReadNewestRecordingAsync(int partition, CancellationToken cancellation) =>
        _inner.Feed.ReadNewestRecordingAsync(partition, cancellation);

    public uint MarkOf(int partition, ulong version) => _inner.Feed.MarkOf(partition, version);

    public ValueTask<bool> HasAsync(int partition, ulong version, uint mark, CancellationToken cancellation) =>
        _inner.Feed.HasAsync(partition, version, mark, cancellation);

    public IDisposable Listen(Action heard) => _inner.Feed.Listen(heard);

    public async Task<IReadOnlyList<FeedChange>?> ReadChangesAsync(int partition, ulong since, int max, CancellationToken ct)
    {
        await Trouble(ct);
        return await _inner.Feed.ReadChangesAsync(partition, since, max, ct);
    }

    public async Task<LoadedFilter> LoadFilterAsync(int partition, CancellationToken ct)
    {
        await Trouble(ct);
        var loaded = await _inner.Feed.LoadFilterAsync(partition, ct);
        await OnTheWayBack();
        return loaded;
    }

    public async ValueTask FenceAsync(IEnumerable<int> partitions, CancellationToken ct)
    {
        await Trouble(ct);
        await _inner.Reader.FenceAsync(partitions, ct);
    }

    public async Task<StoreHealth> ProbeAsync(CancellationToken ct)
    {
        await Trouble(ct);
        return await _inner.Maintenance.ProbeAsync(ct);
    }
}
