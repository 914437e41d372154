using Lookup.Server.Facts;
using Lookup.Server.Reading;
using Lookup.Server.Watch;

namespace Lookup.Server.Pages;

/// <summary>A resource of this instance that can run out.</summary>
/// <param name="Name">Its name in the metrics.</param>
/// <param name="Words">Its name for people.</param>
/// <param name="Used">How much is used.</param>
/// <param name="Limit">How much there is.</param>
internal readonly record struct Load(string Name, string Words, double Used, double Limit)
{
    /// <summary>The used share, 0 to 1; more for a queue.</summary>
    internal double Share => Limit > 0 ? Used / Limit : 0;
}

/// <summary>Reports how much of this instance's limits is used. Thread-safe.</summary>
internal sealed class Capacity(
    BatchLimiter lists, FactEndpoint facts, ChangeHub watches, Connections connections, LookupServerOptions options)
{
    /// <summary>Memory that the process uses, in bytes.</summary>
    internal static double MemoryUsed => Environment.WorkingSet;

    /// <summary>Memory that the process may use: the limit of its container, or the memory of the machine, in bytes.</summary>
    internal static double MemoryLimit => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>Returns the load of each resource.</summary>
    internal IReadOnlyList<Load> Loads() =>
    [
        new("memory", "memory", MemoryUsed, MemoryLimit),
        new("connections", "connections", connections.Open, options.MaxConnections),
        new("check_streams", "check streams", lists.Streams, options.MaxCheckStreams),
        new("list_slots", "slots for lists, with the queue", lists.Wanted, options.BatchWorkers),
        new("import_streams", "imports", facts.Imports, options.MaxImportStreams),
        new("watch_streams", "watch streams", watches.Streams, options.MaxWatchStreams),
    ];
}

/// <summary>Counts the open connections of this instance. Thread-safe.</summary>
internal sealed class Connections
{
    private int _open;

    /// <summary>Open connections.</summary>
    internal int Open => Volatile.Read(ref _open);

    internal void Enter() => Interlocked.Increment(ref _open);

    internal void Leave() => Interlocked.Decrement(ref _open);
}
