using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Following;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Reading;

/// <summary>Reads facts from the primaries.</summary>
internal sealed class RedisReader : IFactReader, IDisposable
{
    private static readonly RedisValue[] MetaFields = ["e", "v"];

    private readonly RedisTopology _link;
    private readonly PartitionStates _partitions;
    private readonly Fences _fences;
    private readonly KeyRotationState _keys;
    private readonly BatchReader _batches;
    private readonly BatchReader _singles;
    private readonly ReadCoalescer _shared;

    internal RedisReader(RedisTopology link, PartitionStates partitions, Fences fences, KeyRotationState keys)
    {
        (_link, _partitions, _fences, _keys) = (link, partitions, fences, keys);
        var losses = new LostFacts(link, partitions, keys);
        _batches = new BatchReader(link, partitions, fences, keys, losses);
        _singles = new BatchReader(link, partitions, fences, keys, losses);
        _shared = new ReadCoalescer(link, partitions, _singles);
    }

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
    public ValueTask FenceAsync(IEnumerable<int> partitions, CancellationToken cancellation) =>
        _fences.IsOn ? new ValueTask(_fences.RaiseAsync(partitions, cancellation)) : ValueTask.CompletedTask;

    /// <inheritdoc/>
    public void Dispose()
    {
        _batches.Dispose();
        _singles.Dispose();
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
        var first = _partitions.Check(partition, _keys, (await before!)[0], (await before!)[1], floor);
        _partitions.Check(partition, _keys, (await after!)[0], (await after!)[1], first);
        return values;
    }
}
