using System.Globalization;
using Lookup.Redis.Topology;
using Lookup.Redis.Writing;
using StackExchange.Redis;

namespace Lookup.Redis.Following;

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
    private readonly StoreUnavailableException?[] _damage = new StoreUnavailableException?[partitions];
    private readonly KnownHistory[] _histories = [.. Enumerable.Range(0, partitions).Select(_ => new KnownHistory())];
    private readonly KnownFit?[] _fits = new KnownFit?[partitions];
    private readonly Lock _damageGate = new();
    private StoreUnavailableException? _anyDamage;
    private int _rolledBack;

    internal int Count => _seen.Length;

    /// <summary>Take it before a call is sent: an answer to it must not be older.</summary>
    internal ulong Floor(int partition)
    {
        ThrowIfDamaged();
        return FloorToExamine(partition);
    }

    /// <summary>The same for whoever finds out what is damaged, or mends it, and answers no caller.</summary>
    internal ulong FloorToExamine(int partition)
    {
        ThrowIfRolledBack();
        return Volatile.Read(ref _seen[partition]);
    }

    /// <summary>A partition lost facts. Until it is mended the whole store is refused: other losses may not be known yet.</summary>
    internal StoreUnavailableException Damage(int partition, StoreUnavailableException damage)
    {
        lock (_damageGate)
        {
            _damage[partition] = damage;
            Volatile.Write(ref _anyDamage, damage);
        }

        return damage;
    }

    /// <summary>A partition was found to hold all that it should.</summary>
    internal void Mend(int partition)
    {
        lock (_damageGate)
        {
            _damage[partition] = null;
            Volatile.Write(ref _anyDamage, Array.Find(_damage, damage => damage is not null));
        }
    }

    /// <summary>Whether a partition is known to have lost facts.</summary>
    internal bool IsDamaged(int partition)
    {
        lock (_damageGate)
        {
            return _damage[partition] is not null;
        }
    }

    private void ThrowIfDamaged()
    {
        if (Volatile.Read(ref _anyDamage) is { } damage)
        {
            throw new StoreUnavailableException(damage.Fault, damage.Message);
        }
    }

    /// <summary>Once lost stays lost: later writes would lift the version over the floor, but not bring the facts back.</summary>
    /// <exception cref="StoreUnavailableException">The store is older than it was before.</exception>
    internal void ThrowIfRolledBack()
    {
        if (Volatile.Read(ref _rolledBack) != 0)
        {
            throw RedisFaults.RolledBack();
        }
    }

    /// <summary>From now on the store is refused, whatever is asked of it.</summary>
    internal StoreUnavailableException RollBack()
    {
        Volatile.Write(ref _rolledBack, 1);
        return RedisFaults.RolledBack();
    }

    /// <summary>Takes note of a version that was answered.</summary>
    internal void Seen(int partition, ulong version, ulong floor)
    {
        if (version < floor)
        {
            if (onlyConfirmed && version >= Volatile.Read(ref _seen[partition]))
            {
                throw RedisFaults.Changed();
            }

            throw RollBack();
        }

        if (!onlyConfirmed)
        {
            Confirm(partition, version);
        }
    }

    /// <summary>Takes note of a version that the store keeps whatever happens to one server.</summary>
    internal void Confirm(int partition, ulong version)
    {
        var seen = Volatile.Read(ref _seen[partition]);
        while (version > seen)
        {
            var before = Interlocked.CompareExchange(ref _seen[partition], version, seen);
            if (before == seen)
            {
                return;
            }

            seen = before;
        }
    }

    /// <summary>What is known of the partition's changes.</summary>
    internal KnownHistory History(int partition) => _histories[partition];

    /// <summary>Takes note of a change that the store keeps whatever happens to one server.</summary>
    /// <exception cref="StoreUnavailableException">Its version belonged to another change before.</exception>
    internal void Note(int partition, ulong version, uint mark)
    {
        if (!_histories[partition].TryAdd(version, mark))
        {
            throw RollBack();
        }
    }

    /// <summary>Checks what a partition says of itself, and takes note of its version.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="keys">What is taken for the store's epoch.</param>
    /// <param name="epoch">The partition's.</param>
    /// <param name="version">Its version.</param>
    /// <param name="floor">What the version must not be below.</param>
    /// <exception cref="StoreUnavailableException">The store must not be used.</exception>
    internal ulong Check(int partition, KeyRotationState keys, RedisValue epoch, RedisValue version, ulong floor)
    {
        if (!keys.Takes(epoch))
        {
            throw RedisFaults.Epoch(epoch);
        }

        if (!version.TryParse(out long number) || number < 0)
        {
            throw RedisFaults.Damaged();
        }

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
            {
                throw RedisFaults.NotInitialised();
            }

            SetGenerations(partition, FilterGenerations.Parse((string)answer[1]!));
            return false;
        }

        version = ulong.Parse((string)answer[1]!, NumberStyles.None, CultureInfo.InvariantCulture);
        Seen(partition, version, floor);
        Confirm(partition, version);
        return true;
    }

    /// <summary>Takes note of what was found when a filter was read through.</summary>
    internal void SetFit(int partition, int generation, FilterFit fit) => Volatile.Write(ref _fits[partition], new KnownFit(generation, fit));

    /// <summary>What was found of a filter when it was last read through; sound where it was not.</summary>
    internal FilterFit Fit(int partition, int generation) =>
        Volatile.Read(ref _fits[partition]) is { } known && known.Generation == generation ? known.Fit : FilterFit.Sound;

    internal FilterGenerations? Generations(int partition) => Volatile.Read(ref _generations[partition]);

    internal void SetGenerations(int partition, FilterGenerations generations) =>
        Volatile.Write(ref _generations[partition], generations);

    private sealed record KnownFit(int Generation, FilterFit Fit);
}
