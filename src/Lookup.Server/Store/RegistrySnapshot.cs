using System.Collections.Frozen;
using Lookup.Core.Blocks;
using Lookup.Core.Regimes;
using Lookup.Redis;

namespace Lookup.Server.Store;

/// <summary>The registry at one moment: organisations, blocks and the dates of loaded register snapshots. Immutable.</summary>
internal sealed class RegistrySnapshot
{
    private readonly FrozenDictionary<string, StoredOrganisation> _organisations;

    internal RegistrySnapshot(Redis.Registry source, RegimeSet regimes, long readAt)
    {
        Source = source;
        _organisations = source.Organisations.ToFrozenDictionary(o => o.Name, StringComparer.Ordinal);
        Registers = new RegisterSnapshots(regimes, source.Snapshots);
        ReadAt = readAt;
    }

    /// <summary>The registry as read; the same instance while nothing changes.</summary>
    internal Redis.Registry Source { get; }

    /// <summary>Timestamp of the clock just before the read was sent: the snapshot includes every earlier write.</summary>
    internal long ReadAt { get; }

    internal RegisterSnapshots Registers { get; }

    /// <summary>The blocks of numbers.</summary>
    internal BlockSet Blocks => Source.Blocks;

    /// <summary>Snapshot dates (Unix milliseconds) by register name.</summary>
    internal IReadOnlyDictionary<string, long[]> Dates => Source.Snapshots;

    internal IReadOnlyCollection<StoredOrganisation> Organisations => _organisations.Values;

    internal StoredOrganisation? Find(string name) => _organisations.GetValueOrDefault(name);
}
