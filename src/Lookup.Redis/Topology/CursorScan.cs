using System.Globalization;
using System.Runtime.CompilerServices;
using StackExchange.Redis;

namespace Lookup.Redis.Topology;

/// <summary>
/// Reads large keys outside the partitions in pieces, so that no command blocks the server, with the time limit of writes.
/// </summary>
internal static class CursorScan
{
    // Elements per command; takes the server less than a millisecond.
    private const int Count = 1_000;

    /// <summary>Yields pieces, some of them empty. An element that exists throughout the call is in at least one.</summary>
    /// <param name="link">The servers.</param>
    /// <param name="epoch">The store's epoch.</param>
    /// <param name="command">HSCAN, whose pieces alternate fields and values, or SSCAN.</param>
    /// <param name="key">The hash or set.</param>
    /// <param name="cancellation">Ends the wait.</param>
    internal static async IAsyncEnumerable<RedisValue[]> ReadAsync(
        RedisTopology link, RedisValue epoch, string command, RedisKey key, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var cursor = 0L;
        do
        {
            var from = cursor;
            var answer = await link.GlobalAsync(
                epoch,
                async db => (RedisResult[])(await db.ExecuteAsync(command, [key, from, "COUNT", Count], CommandFlags.DemandMaster))!,
                patient: true,
                cancellation);
            cursor = long.Parse((string)answer[0]!, NumberStyles.None, CultureInfo.InvariantCulture);
            yield return (RedisValue[])answer[1]!;
        }
        while (cursor != 0);
    }
}
