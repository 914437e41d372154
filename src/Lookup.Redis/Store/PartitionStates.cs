using System.Globalization;
using StackExchange.Redis;

namespace Lookup.Redis.Store;

/// <summary>
/// What this process knows of each partition: the highest version seen, below which the store has lost something,
/// and the filters that writes must reach.
/// </summary>
/// <param name="partitions">How many there are.</param>
/// <param name="onlyConfirmed">
/// Versions that were merely read set no floor: where writes wait for replicas, a fail-over may take them back.
/// </param>
internal sealed class PartitionStates(int partitions, bool onlyConfirmed = false)
{
    private readonly ulong[] _seen = new ulong[partitions];
    private readonly FilterGenerations?[] _generations = new FilterGenerations?[partitions];
    private int _rolledBack;

    internal int Count => _seen.Length;

    /// <summary>Take it before a call is sent: an answer to it must not be older.</summary>
    internal ulong Floor(int partition)
    {
        // Once lost stays lost: later writes would lift the version over the floor, but not bring the facts back.
        if (Volatile.Read(ref _rolledBack) != 0)
            throw RedisFaults.RolledBack();
        return Volatile.Read(ref _seen[partition]);
    }

    /// <summary>Takes note of a version that was answered.</summary>
    internal void Seen(int partition, ulong version, ulong floor)
    {
        if (version < floor)
        {
            if (onlyConfirmed && version >= Volatile.Read(ref _seen[partition]))
                throw RedisFaults.Changed();
            Volatile.Write(ref _rolledBack, 1);
            throw RedisFaults.RolledBack();
        }

        if (!onlyConfirmed)
            Confirm(partition, version);
    }

    /// <summary>Takes note of a version that the store keeps whatever happens to one server.</summary>
    internal void Confirm(int partition, ulong version)
    {
        var seen = Volatile.Read(ref _seen[partition]);
        while (version > seen)
        {
            var before = Interlocked.CompareExchange(ref _seen[partition], version, seen);
            if (before == seen)
                return;
            seen = before;
        }
    }

    /// <summary>Checks what a partition says of itself, and takes note of its version.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="keys">What is taken for the store's epoch.</param>
    /// <param name="epoch">The partition's.</param>
    /// <param name="version">Its version.</param>
    /// <param name="floor">What the version must not be below.</param>
    /// <exception cref="StoreUnavailableException">The store must not be used.</exception>
    internal ulong Check(int partition, StoreKeys keys, RedisValue epoch, RedisValue version, ulong floor)
    {
        if (!keys.Takes(epoch))
            throw RedisFaults.Epoch(epoch);
        if (!version.TryParse(out long number) || number < 0)
            throw RedisFaults.Damaged();
        Seen(partition, (ulong)number, floor);
        return (ulong)number;
    }

    /// <summary>Takes note of what a script answered that writes timelines.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="answer">Its answer, see write.lua.</param>
    /// <param name="floor">What the version must not be below.</param>
    /// <param name="version">The version behind the write.</param>
    /// <returns>False where it wrote nothing since the generations are other ones, which are known now: send it again.</returns>
    /// <exception cref="StoreUnavailableException">The store must not be used.</exception>
    internal bool TryTake(int partition, RedisResult[] answer, ulong floor, out ulong version)
    {
        version = 0;
        RedisNames.CheckEpoch(answer);
        if ((int)answer[0] == Script.OtherGenerations)
        {
            if (answer.Length < 2 || answer[1].IsNull)
                throw RedisFaults.NotInitialised();
            SetGenerations(partition, FilterGenerations.Parse((string)answer[1]!));
            return false;
        }

        version = ulong.Parse((string)answer[1]!, NumberStyles.None, CultureInfo.InvariantCulture);
        Seen(partition, version, floor);
        Confirm(partition, version);
        return true;
    }

    internal FilterGenerations? Generations(int partition) => Volatile.Read(ref _generations[partition]);

    internal void SetGenerations(int partition, FilterGenerations generations) =>
        Volatile.Write(ref _generations[partition], generations);
}
