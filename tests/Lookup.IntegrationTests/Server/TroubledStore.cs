using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Credentials;
using Lookup.Redis.Following;
using Lookup.Redis.Imports;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Reading;
using Lookup.Redis.Store;
using Lookup.Redis.Topology;

namespace Lookup.IntegrationTests.Server;

/// <summary>A store in front of a real one that fails or waits where a test says so.</summary>
internal sealed class TroubledStore(IFactStore inner) : IFactStore
{
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

    public StoreManifest Manifest => inner.Manifest;

    public KeyRotationState EncryptionKeys => inner.EncryptionKeys;

    public int Partitions => inner.Partitions;

    public Task<KeyRotationResult> ChangeKeyAsync(
        string keyCheck, KeyRotationOptions options, Action<KeyRotationStep, double> progress, CancellationToken cancellation) =>
        inner.ChangeKeyAsync(keyCheck, options, progress, cancellation);

    public IImportStore Imports => inner.Imports;

    public IAccessStore Access => inner.Access;

    public IFilterStore Filters => inner.Filters;

    public StoreServers Servers => inner.Servers;

    public async ValueTask<StoreRead> ReadAsync(NumberPseudonym key, ReadOnlyMemory<FactId> ids, CancellationToken ct)
    {
        await Trouble(ct);
        var read = await inner.ReadAsync(key, ids, ct);
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

        await inner.ReadAsync(batch, ct);
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
        return await inner.WriteAsync(facts, ct);
    }

    public async Task<IReadOnlyList<StoredTimeline>> ReadAllAsync(NumberPseudonym key, CancellationToken ct)
    {
        await Trouble(ct);
        return await inner.ReadAllAsync(key, ct);
    }

    public async Task<ConsistencyToken?> TryReplaceAsync(IReadOnlyList<TimelineChange> changes, CancellationToken ct)
    {
        await Trouble(ct);
        return await inner.TryReplaceAsync(changes, ct);
    }

    public async Task<EraseResult> EraseAsync(NumberPseudonym key, StoredFact suppression, CancellationToken ct)
    {
        await Trouble(ct);
        return await inner.EraseAsync(key, suppression, ct);
    }

    public async ValueTask<uint> SourceIdAsync(string source, string actor, CancellationToken ct)
    {
        await Trouble(ct);
        return await inner.SourceIdAsync(source, actor, ct);
    }

    public async ValueTask<StoredSource?> SourceAsync(uint id, CancellationToken ct)
    {
        await Trouble(ct);
        return await inner.SourceAsync(id, ct);
    }

    public async ValueTask<string?> NameAsync(ulong scope, CancellationToken ct)
    {
        await Trouble(ct);
        await NameTrouble(ct);
        return await inner.NameAsync(scope, ct);
    }

    public async Task<Registry> ReadRegistryAsync(CancellationToken ct)
    {
        await Trouble(ct);
        return await inner.ReadRegistryAsync(ct);
    }

    public async Task PutOrganisationAsync(StoredOrganisation organisation, CancellationToken ct)
    {
        await Trouble(ct);
        await inner.PutOrganisationAsync(organisation, ct);
    }

    public async Task AddSnapshotAsync(string register, long date, CancellationToken ct)
    {
        await Trouble(ct);
        await inner.AddSnapshotAsync(register, date, ct);
    }

    public async Task<FeedPoll[]> PollAsync(ReadOnlyMemory<ulong?> known, CancellationToken ct)
    {
        await Trouble(ct);
        var polls = await inner.PollAsync(known, ct);
        await OnTheWayBack();
        return polls;
    }

    public void Expect(IKnownFacts known) => inner.Expect(known);

    public uint MarkOf(int partition, ulong version) => inner.MarkOf(partition, version);

    public ValueTask<bool> HasAsync(int partition, ulong version, uint mark, CancellationToken cancellation) =>
        inner.HasAsync(partition, version, mark, cancellation);

    public IDisposable Listen(Action heard) => inner.Listen(heard);

    public async Task<IReadOnlyList<FeedChange>?> ReadChangesAsync(int partition, ulong since, int max, CancellationToken ct)
    {
        await Trouble(ct);
        return await inner.ReadChangesAsync(partition, since, max, ct);
    }

    public async Task<LoadedFilter> LoadFilterAsync(int partition, CancellationToken ct)
    {
        await Trouble(ct);
        var loaded = await inner.LoadFilterAsync(partition, ct);
        await OnTheWayBack();
        return loaded;
    }

    public async ValueTask FenceAsync(IEnumerable<int> partitions, CancellationToken ct)
    {
        await Trouble(ct);
        await inner.FenceAsync(partitions, ct);
    }

    public async Task<StoreHealth> ProbeAsync(CancellationToken ct)
    {
        await Trouble(ct);
        return await inner.ProbeAsync(ct);
    }

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
