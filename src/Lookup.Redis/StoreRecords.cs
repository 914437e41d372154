using Lookup.Core;
using Lookup.Core.Blocks;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Redis.Credentials;
using Lookup.Redis.Topology;

namespace Lookup.Redis;

/// <summary>The settings with which a store was set up. Only the encryption key changes during the life of a store.</summary>
/// <param name="Epoch">Random; a different value means another store, or one that was set up again.</param>
/// <param name="Partitions">A power of two, 1 to 256.</param>
/// <param name="KeyCheck">Check value of the encryption key by which the store was read when it was opened.</param>
/// <param name="Created">Time of the setup in Unix milliseconds.</param>
public sealed record StoreManifest(ulong Epoch, int Partitions, string KeyCheck, long Created)
{
    /// <summary>Phase of the key rotation when the store was opened.</summary>
    internal KeyRotationPhase Phase { get; init; } = new(0, KeyCheck, "");
}

/// <summary>Counts the servers of a store.</summary>
/// <param name="Count">Number of servers.</param>
/// <param name="Silent">Servers that stopped answering and get no calls until they answer again.</param>
public readonly record struct StoreServers(int Count, int Silent);

/// <summary>Result of reading a number.</summary>
/// <param name="Values">The stored value of each requested timeline; null where there is none.</param>
/// <param name="Partition">The number's partition.</param>
/// <param name="Version">The values are at least as new as this version of the partition.</param>
/// <param name="AsOf">
/// Timestamp of the clock: the values include everything acknowledged before it. 0: the server cannot prove that it is still the
/// primary, so facts may be missing.
/// </param>
public readonly record struct StoreRead(byte[]?[] Values, int Partition, ulong Version, long AsOf);

/// <summary>Result of writing one fact.</summary>
public enum WriteOutcome : byte
{
    /// <summary>Undecided; never returned.</summary>
    None = 0,
    /// <summary>The fact is new and stored.</summary>
    Recorded = 1,
    /// <summary>The fact was already stored.</summary>
    Unchanged = 2,
    /// <summary>Rejected and not stored: another name has the same scope. The organisation or group needs another name.</summary>
    NameCollision = 3,
}

/// <summary>Result of writing a batch.</summary>
/// <param name="Outcomes">One per fact, in order.</param>
/// <param name="Token">A read at this token sees the batch.</param>
public sealed record WriteResult(WriteOutcome[] Outcomes, ConsistencyToken Token);

/// <summary>Replacement of a timeline.</summary>
/// <param name="Fact">Number, id and name; the entry is the new one.</param>
/// <param name="Expected">The value that must be stored now; empty if there must be none.</param>
/// <param name="Value">The value that replaces it.</param>
public sealed record TimelineChange(StoredFact Fact, byte[] Expected, byte[] Value);

/// <summary>Result of an erasure.</summary>
/// <param name="Erased">Number of timelines removed.</param>
/// <param name="Token">A read at this token sees the erasure.</param>
public sealed record EraseResult(int Erased, ConsistencyToken Token);

/// <summary>A timeline with its texts.</summary>
/// <param name="Id">Kind and scope of the timeline.</param>
/// <param name="Value">The stored value, see <see cref="Timeline"/>.</param>
/// <param name="Details">Texts by effective time (Unix milliseconds), see <see cref="FactDetail"/>.</param>
public sealed record StoredTimeline(FactId Id, byte[] Value, IReadOnlyDictionary<long, string> Details);

/// <summary>The origin of a fact: its source, the actor who recorded it, and the import that brought it, or an empty string.</summary>
public sealed record StoredSource(string Source, string Actor, string ImportId = "");

/// <summary>The record of an organisation.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Sector">Its sector.</param>
/// <param name="Layers">The rule layers that apply to it.</param>
/// <param name="Own">Its own rules; null if it has none.</param>
public sealed record StoredOrganisation(string Name, Sector Sector, Layers Layers, OwnRules? Own = null)
{
    /// <summary>
    /// Returns true if this record may permit calls that the other one forbids: it switches layers off, has another sector with
    /// other exceptions, or allows more attempts.
    /// </summary>
    /// <param name="other">The other record; null stands for the default layers and no sector.</param>
    public bool BindsLessThan(StoredOrganisation? other)
    {
        var before = other?.Layers ?? Layers.Default;
        return (before & ~Layers) != 0
            || (other?.Sector ?? Sector.Other) != Sector
            || (other?.Own is { } own && (Own is null || own.PauseDays > Own.PauseDays || own.Caps.Any(cap => !Own.Caps.Any(mine => IsAsStrict(mine, cap)))));
    }

    private static bool IsAsStrict(AttemptCap mine, AttemptCap cap) => mine with { Max = cap.Max } == cap && mine.Max <= cap.Max;
}

/// <summary>Organisations, loaded registers, credentials, grants and blocks at one moment.</summary>
/// <param name="Version">Grows with every change.</param>
/// <param name="Organisations">In no order.</param>
/// <param name="Snapshots">Dates in Unix milliseconds, ascending, by register name.</param>
/// <param name="Credentials">In no order.</param>
/// <param name="Grants">In no order.</param>
/// <param name="Blocks">Prepared for lookups.</param>
public sealed record Registry(
    ulong Version,
    IReadOnlyList<StoredOrganisation> Organisations,
    IReadOnlyDictionary<string, long[]> Snapshots,
    IReadOnlyList<StoredCredential> Credentials,
    IReadOnlyList<StoredGrant> Grants,
    BlockSet Blocks);

/// <summary>Result of a probe of a usable store.</summary>
/// <param name="Facts">Number of timelines in all partitions.</param>
/// <param name="Warnings">Sentences that tell the operator what to change.</param>
/// <param name="WritesRefused">Why writes fail although reads succeed; null if writes are accepted.</param>
/// <param name="ClockAhead">
/// How far this process's clock is ahead of the clock of the store's server that differs most; negative if behind. Null if the
/// store uses this process's clock.
/// </param>
public sealed record StoreHealth(
    long Facts, IReadOnlyList<string> Warnings, StoreUnavailableException? WritesRefused = null, TimeSpan? ClockAhead = null);
