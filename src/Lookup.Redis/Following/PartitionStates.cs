using System.Globalization;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Following;

/// <summary>
/// What this process knows of each partition: the highest version seen, below which the store has lost something, and the filters
/// in which writes must set bits.
/// </summary>
/// <param name="partitions">Number of partitions.</param>
/// <param name="onlyConfirmed">
/// Versions that were merely read set no floor: where writes wait for replicas, a failover may undo them.
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
    private IKnownFacts? _knownFacts;
    private int _rolledBack;

    internal int Count => _seen.Length;

    /// <summary>What this process knows of the facts; null before <see cref="IChangeFeed.Expect"/>.</summary>
    internal IKnownFacts? KnownFacts
    {
        get => Volatile.Read(ref _knownFacts);
        set => Volatile.Write(ref _knownFacts, value);
    }

    /// <summary>Returns the version below which an answer must not be. Call it before the request is sent.</summary>
    internal ulong Floor(int partition)
    {
        ThrowIfDamaged();
        return FloorToExamine(partition);
    }

    /// <summary>Returns the same for processes that examine or repair damage and answer no caller.</summary>
    internal ulong FloorToExamine(int partition)
    {
        ThrowIfRolledBack();
        return Volatile.Read(ref _seen[partition]);
    }

    /// <summary>
    /// Records that a partition lost facts. Until it is repaired the whole store is rejected: other losses may not be known yet.
    /// </summary>
    internal StoreUnavailableException Damage(int partition, StoreUnavailableException damage)
    {
        lock (_damageGate)
        {
            _damage[partition] = damage;
            Volatile.Write(ref _anyDamage, damage);
        }

        return damage;
    }

    /// <summary>Records that a partition was found complete.</summary>
    internal void Mend(int partition)
    {
        lock (_damageGate)
        {
            _damage[partition] = null;
            Volatile.Write(ref _anyDamage, Array.Find(_damage, damage => damage is not null));
        }
    }

    /// <summary>Returns true if a partition is known to have lost facts.</summary>
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

    /// <summary>A loss is permanent: later writes would raise the version above the floor, but not restore the facts.</summary>
    /// <exception cref="StoreUnavailableException">The store is older than before.</exception>
    internal void ThrowIfRolledBack()
    {
        if (Volatile.Read(ref _rolledBack) != 0)
        {
            throw RedisFaults.RolledBack();
        }
    }

    /// <summary>Rejects every later use of the store.</summary>
    internal StoreUnavailableException RollBack()
    {
        Volatile.Write(ref _rolledBack, 1);
        return RedisFaults.RolledBack();
    }

    /// <summary>Records a version that the store answered.</summary>
    internal void RecordVersion(int partition, ulong version, ulong floor)
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

    /// <summary>Records a version that survives the loss of one server.</summary>
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

    /// <summary>Returns what is known of the partition's changes.</summary>
    internal KnownHistory History(int partition) => _histories[partition];

    /// <summary>Records a change that survives the loss of one server.</summary>
    /// <exception cref="StoreUnavailableException">Its version belonged to another change before.</exception>
    internal void RecordChange(int partition, ulong version, uint mark)
    {
        if (!_histories[partition].TryAdd(version, mark))
        {
            throw RollBack();
        }
    }

    /// <summary>Checks the epoch and version that a partition states, and records the version.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="keys">The accepted epochs.</param>
    /// <param name="epoch">The partition's epoch.</param>
    /// <param name="version">Its version.</param>
    /// <param name="floor">The version must not be below this.</param>
    /// <exception cref="StoreUnavailableException">The store must not be used.</exception>
    internal ulong Check(int partition, KeyRotationState keys, RedisValue epoch, RedisValue version, ulong floor)
    {
        if (!keys.Accepts(epoch))
        {
            throw RedisFaults.Epoch(epoch);
        }

        if (!version.TryParse(out long number) || number < 0)
        {
            throw RedisFaults.Damaged();
        }

        RecordVersion(partition, (ulong)number, floor);
        return (ulong)number;
    }

    /// <summary>Processes the answer of a script that writes timelines.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="answer">Its answer, see write.lua.</param>
    /// <param name="floor">The version must not be below this.</param>
    /// <param name="version">The version after the write.</param>
    /// <returns>False if the script wrote nothing because the generations differ; they are known now, so send it again.</returns>
    /// <exception cref="StoreUnavailableException">The store must not be used.</exception>
    internal bool TryProcessAnswer(int partition, RedisResult[] answer, ulong floor, out ulong version)
    {
        version = 0;
        RedisFaults.ThrowIfOtherEpoch(answer);
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
        RecordVersion(partition, version, floor);
        Confirm(partition, version);
        return true;
    }

    /// <summary>Records the result of reading a whole filter.</summary>
    internal void SetFit(int partition, int generation, FilterFit fit) => Volatile.Write(ref _fits[partition], new KnownFit(generation, fit));

    /// <summary>Returns the result of the last full read of a filter; sound if there was none.</summary>
    internal FilterFit Fit(int partition, int generation) =>
        Volatile.Read(ref _fits[partition]) is { } known && known.Generation == generation ? known.Fit : FilterFit.Sound;

    internal FilterGenerations? Generations(int partition) => Volatile.Read(ref _generations[partition]);

    internal void SetGenerations(int partition, FilterGenerations generations) =>
        Volatile.Write(ref _generations[partition], generations);

    private sealed record KnownFit(int Generation, FilterFit Fit);
}
