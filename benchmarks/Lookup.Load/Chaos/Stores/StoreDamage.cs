using StackExchange.Redis;

namespace Lookup.Load.Chaos.Stores;

/// <summary>Deletes and changes keys of the store, as an operator does by mistake.</summary>
internal static class StoreDamage
{
    private const int BitsLost = 100;

    private static readonly RedisKey[] Registry =
        ["{lookup}:manifest", "{lookup}:organisations", "{lookup}:snapshots", "{lookup}:credentials", "{lookup}:grants"];

    private enum FilterLoss
    {
        Deleted,
        Shorter,
        Emptied,
        BitsLost,
        Renamed,
    }

    /// <summary>Damages about half of the filters on a server, each in a way of its own.</summary>
    internal static async Task LoseFiltersAsync(RedisNode node, int seed)
    {
        await using var connection = await node.ConnectAsync();
        var (server, db, random) = (connection.GetServers()[0], connection.GetDatabase(), new Random(seed));
        foreach (var filter in server.Keys(pattern: "{??}x:*").ToList().Where(_ => random.Next(2) == 0))
        {
            byte[]? bytes = await db.StringGetAsync(filter);
            switch ((FilterLoss)random.Next(Enum.GetValues<FilterLoss>().Length))
            {
                case FilterLoss.Shorter:
                    await db.StringSetAsync(filter, bytes?[..(bytes.Length / 2)]);
                    break;
                case FilterLoss.Emptied:
                    await db.StringSetAsync(filter, new byte[bytes?.Length ?? 0]);
                    break;
                // A filter without a bit has none to lose.
                case FilterLoss.BitsLost when Array.Exists(bytes ?? [], part => part != 0):
                    var set = Enumerable.Range(0, bytes!.Length).Where(i => bytes[i] != 0).ToArray();
                    foreach (var place in random.GetItems(set, BitsLost))
                    {
                        await db.StringSetRangeAsync(filter, place, new byte[1]);
                    }

                    break;
                case FilterLoss.Renamed:
                    await db.KeyRenameAsync(filter, ((string)filter!)[..4] + "elsewhere");
                    break;
                default:
                    await db.KeyDeleteAsync(filter);
                    break;
            }
        }
    }

    /// <summary>Deletes about a third of the buckets on a server.</summary>
    internal static async Task LoseFactsAsync(RedisNode node, int seed)
    {
        await using var connection = await node.ConnectAsync();
        var random = new Random(seed);
        RedisKey[] buckets = [.. connection.GetServers()[0].Keys(pattern: "{??}b:*").ToList().Where(_ => random.Next(3) == 0)];
        await connection.GetDatabase().KeyDeleteAsync(buckets);
    }

    /// <summary>Copies the registry.</summary>
    internal static async Task<IReadOnlyList<byte[]?>> CopyRegistryAsync(RedisNode node)
    {
        await using var connection = await node.ConnectAsync();
        var db = connection.GetDatabase();
        return await Task.WhenAll(Registry.Select(async key => (byte[]?)await db.KeyDumpAsync(key)));
    }

    /// <summary>Puts a copy in the place of the registry, in one step.</summary>
    internal static async Task RestoreRegistryAsync(RedisNode node, IReadOnlyList<byte[]?> copy)
    {
        await using var connection = await node.ConnectAsync();
        var step = connection.GetDatabase().CreateTransaction();
        for (var i = 0; i < Registry.Length; i++)
        {
            _ = step.KeyDeleteAsync(Registry[i]);
            if (copy[i] is { } dump)
            {
                _ = step.KeyRestoreAsync(Registry[i], dump);
            }
        }

        await step.ExecuteAsync();
    }
}
