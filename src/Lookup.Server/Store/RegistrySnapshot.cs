using System.Collections.Frozen;
using Lookup.Core.Regimes;
using Lookup.Redis;

namespace Lookup.Server.Store;

/// <summary>What the store's registry said at one moment: organisations, and the register snapshots loaded. Immutable.</summary>
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

    /// <summary>What was read. The same where nothing changed.</summary>
    internal Redis.Registry Source { get; }

    /// <summary>Timestamp of the clock just before the read was sent: it holds all that was written before.</summary>
    internal long ReadAt { get; }

    internal RegisterSnapshots Registers { get; }

    /// <summary>Snapshot dates (Unix milliseconds) by register name.</summary>
    internal IReadOnlyDictionary<string, long[]> Dates => Source.Snapshots;

    internal IReadOnlyCollection<StoredOrganisation> Organisations => _organisations.Values;

    internal StoredOrganisation? Find(string name) => _organisations.GetValueOrDefault(name);
}
