using System.Runtime.CompilerServices;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Reading;
using Lookup.Redis.Registers;
using Lookup.Redis.Store;
using Lookup.Redis.Writing;
using Lookup.Server.Telemetry;

namespace Lookup.Server.Store;

/// <summary>Times calls to the store and counts failures and filter false positives.</summary>
/// <param name="inner">The store; its creator disposes of it.</param>
/// <param name="calls">Receives times and faults.</param>
/// <param name="filters">Receives reads; created late, because it needs the replica that follows this store.</param>
/// <param name="clock">Measures times.</param>
internal sealed class InstrumentedStore(FactStore inner, StoreMetrics calls, Lazy<FilterMetrics> filters, TimeProvider clock)
    : IFactReader, IFactWriter, IChangeFeed, IRegistryStore, IStoreMaintenance
{
    /// <inheritdoc/>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<StoreRead> ReadAsync(NumberPseudonym key, ReadOnlyMemory<FactId> ids, CancellationToken cancellation)
    {
        var begin = clock.GetTimestamp();
        using var span = Tracing.IsOn ? Tracing.StartSpan("store read") : null;
        try
        {
            var read = await inner.Reader.ReadAsync(key, ids, cancellation);
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
            await inner.Reader.ReadAsync(batch, cancellation);
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
        var fence = inner.Reader.FenceAsync(partitions, cancellation);
        return fence.IsCompletedSuccessfully ? fence : new ValueTask(MeasureAsync(StoreRequest.Fence, begin, fence.AsTask()));
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoredTimeline>> ReadAllAsync(NumberPseudonym key, CancellationToken cancellation) =>
        MeasureAsync(StoreRequest.ReadAll, clock.GetTimestamp(), inner.Reader.ReadAllAsync(key, cancellation));

    /// <inheritdoc/>
    public Task<WriteResult> WriteAsync(IReadOnlyList<StoredFact> facts, CancellationToken cancellation) =>
        MeasureAsync(StoreRequest.Write, clock.GetTimestamp(), inner.Writer.WriteAsync(facts, cancellation));

    /// <inheritdoc/>
    public Task<ConsistencyToken?> TryReplaceAsync(IReadOnlyList<TimelineChange> changes, CancellationToken cancellation) =>
        MeasureAsync(StoreRequest.Write, clock.GetTimestamp(), inner.Writer.TryReplaceAsync(changes, cancellation));

    /// <inheritdoc/>
    public Task<EraseResult> EraseAsync(NumberPseudonym key, StoredFact suppression, CancellationToken cancellation) =>
        MeasureAsync(StoreRequest.Erase, clock.GetTimestamp(), inner.Writer.EraseAsync(key, suppression, cancellation));

    /// <inheritdoc/>
    public Task<Redis.Registry> ReadAsync(CancellationToken cancellation) =>
        MeasureAsync(StoreRequest.Registry, clock.GetTimestamp(), inner.Registry.ReadAsync(cancellation));

    /// <inheritdoc/>
    public async Task<FeedPoll[]> PollAsync(ReadOnlyMemory<ulong?> known, CancellationToken cancellation)
    {
        var polls = await MeasureAsync(StoreRequest.Poll, clock.GetTimestamp(), inner.Feed.PollAsync(known, cancellation));
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
    public Task<LoadedFilter> LoadFilterAsync(int partition, CancellationToken cancellation) =>
        MeasureAsync(StoreRequest.LoadFilter, clock.GetTimestamp(), inner.Feed.LoadFilterAsync(partition, cancellation));

    /// <inheritdoc/>
    public Task<StoreHealth> ProbeAsync(CancellationToken cancellation) =>
        MeasureAsync(StoreRequest.Probe, clock.GetTimestamp(), inner.Maintenance.ProbeAsync(cancellation));

    // The rest is not measured.

    /// <inheritdoc/>
    public int Partitions => inner.Feed.Partitions;

    /// <inheritdoc/>
    public IDisposable Listen(Action heard) => inner.Feed.Listen(heard);

    /// <inheritdoc/>
    public void Expect(IKnownFacts known) => inner.Feed.Expect(known);

    /// <inheritdoc/>
    public uint MarkOf(int partition, ulong version) => inner.Feed.MarkOf(partition, version);

    /// <inheritdoc/>
    public ValueTask<bool> HasAsync(int partition, ulong version, uint mark, CancellationToken cancellation) =>
        inner.Feed.HasAsync(partition, version, mark, cancellation);

    /// <inheritdoc/>
    public Task<long> ReadNewestRecordingAsync(int partition, CancellationToken cancellation) =>
        inner.Feed.ReadNewestRecordingAsync(partition, cancellation);

    /// <inheritdoc/>
    public Task<IReadOnlyList<FeedChange>?> ReadChangesAsync(int partition, ulong since, int max, CancellationToken cancellation) =>
        inner.Feed.ReadChangesAsync(partition, since, max, cancellation);

    /// <inheritdoc/>
    public Task PutOrganisationAsync(StoredOrganisation organisation, CancellationToken cancellation) =>
        inner.Registry.PutOrganisationAsync(organisation, cancellation);

    /// <inheritdoc/>
    public Task<bool[]> ChangeBlocksAsync(IReadOnlyList<BlockChange> changes, CancellationToken cancellation) =>
        inner.Registry.ChangeBlocksAsync(changes, cancellation);

    /// <inheritdoc/>
    public Task AddSnapshotAsync(string register, long date, CancellationToken cancellation) =>
        inner.Registry.AddSnapshotAsync(register, date, cancellation);

    /// <inheritdoc/>
    public StoreServers Servers => inner.Maintenance.Servers;

    /// <inheritdoc/>
    public Task<KeyRotationResult> ChangeKeyAsync(
        string keyCheck, KeyRotationOptions options, Action<KeyRotationStep, double> progress, CancellationToken cancellation) =>
        inner.Maintenance.ChangeKeyAsync(keyCheck, options, progress, cancellation);

    /// <inheritdoc/>
    public Task VisitEvidenceAsync(Action<StoredEvidence> visit, Action<double> progress, CancellationToken cancellation) =>
        inner.Maintenance.VisitEvidenceAsync(visit, progress, cancellation);

    /// <inheritdoc/>
    public Task<IReadOnlyList<RetentionCount>> RetainAsync(RetentionOrder order, Action<double> progress, CancellationToken cancellation) =>
        inner.Maintenance.RetainAsync(order, progress, cancellation);

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
