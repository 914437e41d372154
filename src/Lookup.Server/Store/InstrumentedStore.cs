using System.Runtime.CompilerServices;
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
using Lookup.Server.Telemetry;

namespace Lookup.Server.Store;

/// <summary>Times calls to the store and counts failures and filter false positives.</summary>
/// <param name="inner">The store; its creator disposes of it.</param>
/// <param name="calls">Receives times and faults.</param>
/// <param name="filters">Receives reads; created late, because it needs the replica that follows this store.</param>
/// <param name="clock">Measures times.</param>
internal sealed class InstrumentedStore(IFactStore inner, StoreMetrics calls, Lazy<FilterMetrics> filters, TimeProvider clock) : IFactStore
{
    /// <inheritdoc/>
    public StoreManifest Manifest { get; } = inner.Manifest;

    /// <inheritdoc/>
    public KeyRotationState EncryptionKeys => inner.EncryptionKeys;

    /// <inheritdoc/>
    public int Partitions => inner.Partitions;

    /// <inheritdoc/>
    public Task<KeyRotationResult> ChangeKeyAsync(
        string keyCheck, KeyRotationOptions options, Action<KeyRotationStep, double> progress, CancellationToken cancellation) =>
        inner.ChangeKeyAsync(keyCheck, options, progress, cancellation);

    /// <inheritdoc/>
    public IImportStore Imports => inner.Imports;

    /// <inheritdoc/>
    public IAccessStore Access => inner.Access;

    /// <inheritdoc/>
    public IFilterStore Filters => inner.Filters;

    /// <inheritdoc/>
    public StoreServers Servers => inner.Servers;

    /// <inheritdoc/>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<StoreRead> ReadAsync(NumberPseudonym key, ReadOnlyMemory<FactId> ids, CancellationToken cancellation)
    {
        var begin = clock.GetTimestamp();
        using var span = Tracing.IsOn ? Tracing.StartSpan("store read") : null;
        try
        {
            var read = await inner.ReadAsync(key, ids, cancellation);
            calls.Answered(StoreRequest.Read, clock.GetElapsedTime(begin));
            var found = false;
            foreach (var value in read.Values)
            {
                found |= value is not null;
            }

            filters.Value.CountRead(read.Partition, key, ids.Span, found);
            return read;
        }
        catch (Exception e)
        {
            Tracing.Fail(span, e);
            calls.Failed(StoreRequest.Read, e);
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task ReadAsync(ReadBatch batch, CancellationToken cancellation)
    {
        var begin = clock.GetTimestamp();
        using var span = Tracing.IsOn ? Tracing.StartSpan("store read_list") : null;
        span?.SetTag("lookup.numbers", batch.Count);
        try
        {
            await inner.ReadAsync(batch, cancellation);
        }
        catch (Exception e)
        {
            Tracing.Fail(span, e);
            calls.Failed(StoreRequest.ReadList, e);
            throw;
        }

        var took = clock.GetElapsedTime(begin);
        var answered = false;
        for (var item = 0; item < batch.Count; item++)
        {
            if (batch.Fault(item) is { } fault)
            {
                calls.Failed(StoreRequest.ReadList, fault);
                continue;
            }

            answered = true;
            var ids = batch.Ids(item);
            var found = false;
            for (var i = 0; i < ids.Length && !found; i++)
            {
                found = !batch.Value(item, i).IsNull;
            }

            filters.Value.CountRead(batch.Position(item).Partition, batch.Key(item), ids, found);
        }

        if (answered)
        {
            calls.Answered(StoreRequest.ReadList, took);
        }
    }

    /// <inheritdoc/>
    public ValueTask FenceAsync(IEnumerable<int> partitions, CancellationToken cancellation)
    {
        var begin = clock.GetTimestamp();
        var fence = inner.FenceAsync(partitions, cancellation);
        return fence.IsCompletedSuccessfully ? fence : new ValueTask(MeasureAsync(StoreRequest.Fence, begin, fence.AsTask()));
    }

    /// <inheritdoc/>
    public Task<WriteResult> WriteAsync(IReadOnlyList<StoredFact> facts, CancellationToken cancellation) =>
        MeasureAsync(StoreRequest.Write, clock.GetTimestamp(), inner.WriteAsync(facts, cancellation));

    /// <inheritdoc/>
    public Task<ConsistencyToken?> TryReplaceAsync(IReadOnlyList<TimelineChange> changes, CancellationToken cancellation) =>
        MeasureAsync(StoreRequest.Write, clock.GetTimestamp(), inner.TryReplaceAsync(changes, cancellation));

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoredTimeline>> ReadAllAsync(NumberPseudonym key, CancellationToken cancellation) =>
        MeasureAsync(StoreRequest.ReadAll, clock.GetTimestamp(), inner.ReadAllAsync(key, cancellation));

    /// <inheritdoc/>
    public Task<EraseResult> EraseAsync(NumberPseudonym key, StoredFact suppression, CancellationToken cancellation) =>
        MeasureAsync(StoreRequest.Erase, clock.GetTimestamp(), inner.EraseAsync(key, suppression, cancellation));

    /// <inheritdoc/>
    public ValueTask<uint> SourceIdAsync(string source, string actor, CancellationToken cancellation) =>
        inner.SourceIdAsync(source, actor, cancellation);

    /// <inheritdoc/>
    public ValueTask<StoredSource?> SourceAsync(uint id, CancellationToken cancellation) => inner.SourceAsync(id, cancellation);

    /// <inheritdoc/>
    public ValueTask<string?> NameAsync(ulong scope, CancellationToken cancellation) => inner.NameAsync(scope, cancellation);

    /// <inheritdoc/>
    public Task<Redis.Registry> ReadRegistryAsync(CancellationToken cancellation) =>
        MeasureAsync(StoreRequest.Registry, clock.GetTimestamp(), inner.ReadRegistryAsync(cancellation));

    /// <inheritdoc/>
    public Task PutOrganisationAsync(StoredOrganisation organisation, CancellationToken cancellation) =>
        inner.PutOrganisationAsync(organisation, cancellation);

    /// <inheritdoc/>
    public Task AddSnapshotAsync(string register, long date, CancellationToken cancellation) =>
        inner.AddSnapshotAsync(register, date, cancellation);

    /// <inheritdoc/>
    public async Task<FeedPoll[]> PollAsync(ReadOnlyMemory<ulong?> known, CancellationToken cancellation)
    {
        var polls = await MeasureAsync(StoreRequest.Poll, clock.GetTimestamp(), inner.PollAsync(known, cancellation));
        foreach (var poll in polls)
        {
            if (poll.Fault is not null)
            {
                calls.Failed(StoreRequest.Poll, poll.Fault);
            }
        }

        return polls;
    }

    /// <inheritdoc/>
    public IDisposable Listen(Action heard) => inner.Listen(heard);

    /// <inheritdoc/>
    public void Expect(IKnownFacts known) => inner.Expect(known);

    /// <inheritdoc/>
    public uint MarkOf(int partition, ulong version) => inner.MarkOf(partition, version);

    /// <inheritdoc/>
    public ValueTask<bool> HasAsync(int partition, ulong version, uint mark, CancellationToken cancellation) =>
        inner.HasAsync(partition, version, mark, cancellation);

    /// <inheritdoc/>
    public Task<IReadOnlyList<FeedChange>?> ReadChangesAsync(int partition, ulong since, int max, CancellationToken cancellation) =>
        inner.ReadChangesAsync(partition, since, max, cancellation);

    /// <inheritdoc/>
    public Task<LoadedFilter> LoadFilterAsync(int partition, CancellationToken cancellation) =>
        MeasureAsync(StoreRequest.LoadFilter, clock.GetTimestamp(), inner.LoadFilterAsync(partition, cancellation));

    /// <inheritdoc/>
    public Task<StoreHealth> ProbeAsync(CancellationToken cancellation) => MeasureAsync(StoreRequest.Probe, clock.GetTimestamp(), inner.ProbeAsync(cancellation));

    /// <summary>Does nothing: the creator of the store disposes of it.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task MeasureAsync(StoreRequest call, long begin, Task task)
    {
        using var span = Tracing.IsOn ? Tracing.StartSpan("store " + ServiceMetrics.Name(call.ToString())) : null;
        try
        {
            await task;
            calls.Answered(call, clock.GetElapsedTime(begin));
        }
        catch (Exception e)
        {
            Tracing.Fail(span, e);
            calls.Failed(call, e);
            throw;
        }
    }

    private async Task<T> MeasureAsync<T>(StoreRequest call, long begin, Task<T> task)
    {
        await MeasureAsync(call, begin, (Task)task);
        return await task;
    }
}
