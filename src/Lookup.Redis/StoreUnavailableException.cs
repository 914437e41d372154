namespace Lookup.Redis;

/// <summary>Why a store cannot be used.</summary>
public enum StoreFault : byte
{
    /// <summary>No connection, or the server refuses to answer for now.</summary>
    Unreachable,
    /// <summary>No answer in time.</summary>
    Timeout,
    /// <summary>It holds no manifest, or a part of it is gone: never set up, or flushed.</summary>
    NotInitialised,
    /// <summary>A first load is under way, or was broken off.</summary>
    Loading,
    /// <summary>It is another store than the one opened, or was set up anew.</summary>
    ForeignEpoch,
    /// <summary>It was set up with another number key.</summary>
    WrongKey,
    /// <summary>It is older than what this process saw of it: restored or failed over with loss.</summary>
    RolledBack,
    /// <summary>Its memory limit is reached.</summary>
    Full,
    /// <summary>It is a replica that takes no writes and may lag.</summary>
    ReadOnlyReplica,
    /// <summary>The server is not set up, or may not be used, as facts need it.</summary>
    Settings,
    /// <summary>Something stored cannot be read.</summary>
    Damaged,
    /// <summary>The clock of this process and that of the store's server differ too much.</summary>
    Clock,
}

/// <summary>
/// The store cannot answer. The message is ours and fit for callers: it carries no text of the server and no address.
/// </summary>
public sealed class StoreUnavailableException : Exception
{
    /// <summary>Makes one.</summary>
    public StoreUnavailableException(StoreFault fault, string message, Exception? inner = null)
        : base(message, inner) => Fault = fault;

    /// <summary>The server lacks the followers by which a primary is known, so what it says may be old.</summary>
    public static StoreUnavailableException Unconfirmed() => new(
        StoreFault.Unreachable, "The store's server cannot show that it is still the primary: too few replicas follow it.");

    /// <summary>Another server takes the place of the one that answered, or nobody can tell that none does.</summary>
    internal static StoreUnavailableException BeingReplaced() => new(
        StoreFault.Unreachable, "The sentinels do not confirm that the store's server is the primary; a write may be kept, send it again.");

    /// <summary>Why.</summary>
    public StoreFault Fault { get; }

    /// <summary>The server says that another one has what was asked for; it has done nothing.</summary>
    internal bool IsElsewhere { get; init; }

    /// <summary>Another server may have it by now.</summary>
    internal bool MayBeElsewhere =>
        IsElsewhere || Fault is StoreFault.Unreachable or StoreFault.Timeout or StoreFault.ReadOnlyReplica;
}
