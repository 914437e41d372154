using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Redis.Credentials;
using Lookup.Redis.Topology;

namespace Lookup.Redis;

/// <summary>What a store was set up with. But for its number key it does not change while the store lives.</summary>
/// <param name="Epoch">Random; another one means another store, or this one set up anew.</param>
/// <param name="Partitions">A power of two, 1 to 256.</param>
/// <param name="KeyCheck">Tells whether a number key is the one that the store is read by; as of when it was opened.</param>
/// <param name="Created">When it was set up, in Unix milliseconds.</param>
public sealed record StoreManifest(ulong Epoch, int Partitions, string KeyCheck, long Created)
{
    /// <summary>How far the change of the number key was when the store was opened.</summary>
    internal KeyRotationPhase Stage { get; init; } = new(0, KeyCheck, "");
}

/// <summary>Servers of a store.</summary>
/// <param name="Count">How many there are.</param>
/// <param name="Silent">How many of them have fallen silent and get no calls until they answer again.</param>
public readonly record struct StoreServers(int Count, int Silent);

/// <summary>What was read of a number.</summary>
/// <param name="Values">The stored value of each timeline asked for, null where there is none.</param>
/// <param name="Partition">The number's partition.</param>
/// <param name="Version">The values are at least as new as this version of the partition.</param>
/// <param name="AsOf">
/// Timestamp of the clock: the values hold all that was acknowledged before it. 0: the server cannot show that it is still
/// the primary, and may lack anything.
/// </param>
public readonly record struct StoreRead(byte[]?[] Values, int Partition, ulong Version, long AsOf);

/// <summary>What became of one fact.</summary>
public enum WriteOutcome : byte
{
    /// <summary>Not decided; never returned.</summary>
    None = 0,
    /// <summary>It is stored and was not known before.</summary>
    Recorded = 1,
    /// <summary>It was known already.</summary>
    Unchanged = 2,
    /// <summary>Refused and not stored: another name has the same scope. The organisation or group needs another name.</summary>
    NameCollision = 3,
}

/// <summary>What became of a batch.</summary>
/// <param name="Outcomes">One for each fact, in order.</param>
/// <param name="Token">A read at this token sees the batch.</param>
public sealed record WriteResult(WriteOutcome[] Outcomes, ConsistencyToken Token);

/// <summary>A timeline that takes the place of another.</summary>
/// <param name="Fact">Its number, id and name; its entry is what is new.</param>
/// <param name="Expected">What must be there; empty for nothing.</param>
/// <param name="Value">What is stored in its place.</param>
public sealed record TimelineChange(StoredFact Fact, byte[] Expected, byte[] Value);

/// <summary>What an erasure did.</summary>
/// <param name="Erased">Timelines removed.</param>
/// <param name="Token">A read at this token sees it.</param>
public sealed record EraseResult(int Erased, ConsistencyToken Token);

/// <summary>A timeline with its texts.</summary>
/// <param name="Id">What it is about.</param>
/// <param name="Value">The stored value, see <see cref="Timeline"/>.</param>
/// <param name="Details">Texts by effective time (Unix milliseconds), see <see cref="FactDetail"/>.</param>
public sealed record StoredTimeline(FactId Id, byte[] Value, IReadOnlyDictionary<long, string> Details);

/// <summary>Where a fact came from, who recorded it, and the import that brought it, or empty.</summary>
public sealed record StoredSource(string Source, string Actor, string ImportId = "");

/// <summary>An organisation's record.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Sector">Its sector.</param>
/// <param name="Layers">The layers that bind it.</param>
/// <param name="Own">What it sets itself; null for nothing.</param>
public sealed record StoredOrganisation(string Name, Sector Sector, Layers Layers, OwnRules? Own = null)
{
    /// <summary>
    /// Whether calls may be permitted by this record that another one forbids: it switches layers off, is of another sector, whose
    /// exceptions are others, or allows itself more.
    /// </summary>
    /// <param name="other">The other record; null for none, under which the default layers bind.</param>
    public bool BindsLessThan(StoredOrganisation? other)
    {
        var before = other?.Layers ?? Layers.Default;
        return (before & ~Layers) != 0
            || (other is not null && other.Sector != Sector)
            || (other?.Own is { } own && (Own is null || own.PauseDays > Own.PauseDays || own.Caps.Any(cap => !Own.Caps.Any(mine => IsAsStrict(mine, cap)))));
    }

    private static bool IsAsStrict(AttemptCap mine, AttemptCap cap) => mine with { Max = cap.Max } == cap && mine.Max <= cap.Max;
}

/// <summary>Organisations, loaded registers, credentials and grants at one moment.</summary>
/// <param name="Version">Grows with every change.</param>
/// <param name="Organisations">In no order.</param>
/// <param name="Snapshots">Dates in Unix milliseconds, ascending, by name of the register.</param>
/// <param name="Credentials">In no order.</param>
/// <param name="Grants">In no order.</param>
public sealed record Registry(
    ulong Version,
    IReadOnlyList<StoredOrganisation> Organisations,
    IReadOnlyDictionary<string, long[]> Snapshots,
    IReadOnlyList<StoredCredential> Credentials,
    IReadOnlyList<StoredGrant> Grants);

/// <summary>State of a store that can be served from.</summary>
/// <param name="Facts">Timelines in all partitions.</param>
/// <param name="Warnings">What an operator should change, in sentences.</param>
/// <param name="WritesRefused">Why writes are refused although reads are answered; null where they are taken.</param>
/// <param name="ClockAhead">
/// How far the clock of this process is ahead of that of the store's server that differs most; negative if it is behind. Null
/// if the store is on the clock of this process.
/// </param>
public sealed record StoreHealth(
    long Facts, IReadOnlyList<string> Warnings, StoreUnavailableException? WritesRefused = null, TimeSpan? ClockAhead = null);
