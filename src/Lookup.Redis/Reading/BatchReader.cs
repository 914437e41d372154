using Lookup.Redis.Following;
using Lookup.Redis.Topology;

namespace Lookup.Redis.Reading;

/// <summary>
/// Reads batches, each part from the server that has it. If a server redirects to another one, the servers are discovered again,
/// and the part is read once more within the time limit of a read.
/// </summary>
internal sealed class BatchReader(RedisTopology link, PartitionStates partitions, Fences fences, KeyRotationState keys, LostFacts losses) : IDisposable
{
    private readonly PerServer<ServerPool> _pools = Pools(link, partitions, fences, keys);

    internal async Task ReadAsync(ReadBatch batch, CancellationToken cancellation)
    {
        string reading;
        do
        {
            // The key that facts are read by now. A caller, or this read, may have started before a key rotation.
            reading = keys.Current.Phase.Reading;
            batch.Reencrypt(keys, reading);
            batch.StartRead(partitions.Count);
            cancellation.ThrowIfCancellationRequested();
            if (batch.Count == 0)
            {
                return;
            }

            await ReadTwiceAsync(batch, cancellation);
            await losses.FindAsync(batch, cancellation);
        }
        while (keys.Current.Phase.Reading != reading);
    }

    public void Dispose() => _pools.Dispose();

    private async Task ReadTwiceAsync(ReadBatch batch, CancellationToken cancellation)
    {
        var started = link.Clock.GetTimestamp();
        await ReadOnceAsync(batch, Concerned(batch, static _ => true), cancellation);
        if (Concerned(batch, static fault => fault is { MayBeElsewhere: true }).Length == 0)
        {
            return;
        }

        var finding = link.RediscoverAsync();
        var again = Concerned(batch, static fault => fault is { IsElsewhere: true });
        var left = TimeSpan.FromMilliseconds(link.Options.ReadTimeoutMs) - link.Clock.GetElapsedTime(started);
        if (again.Length == 0 || left <= TimeSpan.Zero)
        {
            return;
        }

        await finding.WaitAsync(left, link.Clock, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellation.ThrowIfCancellationRequested();
        batch.RestartRead(again);
        await ReadOnceAsync(batch, again, cancellation);
    }

    private int[] Concerned(ReadBatch batch, Predicate<StoreUnavailableException?> isSo)
    {
        var count = 0;
        Span<int> found = stackalloc int[partitions.Count];
        for (var p = 0; p < partitions.Count; p++)
        {
            foreach (var item in batch.Items(p))
            {
                if (!isSo(batch.FaultOrNull(item)))
                {
                    continue;
                }

                found[count++] = p;
                break;
            }
        }

        return found[..count].ToArray();
    }

    private Task ReadOnceAsync(ReadBatch batch, int[] concerned, CancellationToken cancellation)
    {
        var first = link.FindServer(concerned[0]);
        if (first is not null && Array.TrueForAll(concerned, p => link.FindServer(p) == first))
        {
            return _pools.Get(first).ReadAsync(batch, concerned, cancellation);
        }

        return Task.WhenAll(concerned.GroupBy(link.FindServer).Select(group =>
        {
            if (group.Key is not null)
            {
                return _pools.Get(group.Key).ReadAsync(batch, [.. group], cancellation);
            }

            batch.SetFaultOfUnanswered([.. group], RedisFaults.NoServer());
            return Task.CompletedTask;
        }));
    }

    private static PerServer<ServerPool> Pools(RedisTopology link, PartitionStates partitions, Fences fences, KeyRotationState keys) =>
        new(server => new ServerPool(link, server, partitions, fences, keys));
}
