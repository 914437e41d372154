using Lookup.Core.Trail;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Trail;

/// <summary>The trail, a list in the slot of the manifest.</summary>
internal sealed class RedisTrail(RedisTopology link, RedisValue epoch) : ITrailStore
{
    // Each attempt that fails is another writer's entry.
    private const int MaxAttempts = 1_000;

    private byte[] _newest = [];

    public async Task<AppendedEntry> AppendAsync(TrailEntry entry, CancellationToken cancellation)
    {
        var newest = Volatile.Read(ref _newest);
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            var next = After(newest, entry);
            var stored = next.Write();
            var answer = await link.ScriptAsync(Keys.Shared, Script.Trail, [Keys.Manifest, Keys.Trail], [epoch, newest, stored], cancellation);
            RedisFaults.ThrowIfOtherEpoch(answer);
            var isAppended = (int)answer[0] != Script.NotAsExpected;
            newest = isAppended ? stored : (byte[])answer[1]!;
            // Only a guess for the next append, so it does not matter which of two writers is the last to set it.
            Volatile.Write(ref _newest, newest);
            if (isAppended)
            {
                return new AppendedEntry(next.Number, TrailEntry.HashOf(stored));
            }
        }

        throw RedisFaults.Timeout();
    }

    public Task<IReadOnlyList<byte[]>> ReadAsync(long from, int count, CancellationToken cancellation) =>
        RangeAsync(from, from + count - 1, cancellation);

    public Task<IReadOnlyList<byte[]>> NewestAsync(int count, CancellationToken cancellation) => RangeAsync(-count, -1, cancellation);

    private async Task<IReadOnlyList<byte[]>> RangeAsync(long first, long last, CancellationToken cancellation)
    {
        var entries = await link.GlobalAsync(
            epoch, db => db.ListRangeAsync(Keys.Trail, first, last, CommandFlags.DemandMaster), patient: true, cancellation);
        return [.. entries.Select(entry => (byte[])entry!)];
    }

    private static TrailEntry After(byte[] newest, TrailEntry entry)
    {
        try
        {
            return newest.Length == 0
                ? entry with { Number = 0, Previous = TrailEntry.NoHash }
                : entry with { Number = TrailEntry.Read(newest).Number + 1, Previous = TrailEntry.HashOf(newest) };
        }
        catch (TrailException e)
        {
            throw RedisFaults.Damaged(e);
        }
    }
}
