using System.Collections.Frozen;
using Lookup.Core.Decisions;
using Lookup.Core.Regimes;

namespace Lookup.Server.Registry;

/// <summary>What the store's registry said at one moment: organisations, and the register snapshots loaded. Immutable.</summary>
internal sealed class RegistrySnapshot
{
    private readonly FrozenDictionary<string, Organisation> _organisations;

    internal RegistrySnapshot(
        IEnumerable<Organisation> organisations, IReadOnlyDictionary<string, long[]> registers, RegimeSet regimes, long readAt)
    {
        _organisations = organisations.ToFrozenDictionary(o => o.Name, StringComparer.Ordinal);
        Dates = registers;
        Registers = new RegisterSnapshots(regimes, registers);
        ReadAt = readAt;
    }

    internal static RegistrySnapshot Of(Redis.Registry registry, RegimeSet regimes, long readAt) =>
        new(registry.Organisations.Select(o => new Organisation(o.Name, o.Sector, o.Layers)), registry.Snapshots, regimes, readAt);

    /// <summary>Timestamp of the clock just before the read was sent: it holds all that was written before.</summary>
    internal long ReadAt { get; }

    internal RegisterSnapshots Registers { get; }

    /// <summary>Snapshot dates (Unix milliseconds) by register name.</summary>
    internal IReadOnlyDictionary<string, long[]> Dates { get; }

    internal IReadOnlyCollection<Organisation> Organisations => _organisations.Values;

    internal Organisation? Find(string name) => _organisations.GetValueOrDefault(name);

    internal sealed record Organisation(string Name, Sector Sector, Layers Layers);
}
