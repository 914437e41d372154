namespace Lookup.Redis;

/// <summary>The reason why a store cannot be used.</summary>
public enum StoreFault : byte
{
    /// <summary>There is no connection, or the server temporarily rejects calls.</summary>
    Unreachable,
    /// <summary>The store did not answer in time.</summary>
    Timeout,
    /// <summary>The manifest or a part of it is missing: the store was never set up, or was flushed.</summary>
    NotInitialised,
    /// <summary>A first load is in progress or was interrupted.</summary>
    Loading,
    /// <summary>It is not the store that was opened, or it was set up again.</summary>
    ForeignEpoch,
    /// <summary>The store uses another encryption key.</summary>
    WrongKey,
    /// <summary>The store is older than this process has already seen it: it was restored, or a failover lost writes.</summary>
    RolledBack,
    /// <summary>The server has reached its memory limit.</summary>
    Full,
    /// <summary>The server is a replica: it accepts no writes and may lag.</summary>
    ReadOnlyReplica,
    /// <summary>The server's settings or permissions do not allow its use.</summary>
    Settings,
    /// <summary>Stored data cannot be read.</summary>
    Damaged,
    /// <summary>The clocks of this process and of the store's server differ too much.</summary>
    Clock,
}

/// <summary>
/// Thrown when the store cannot answer. The message is safe to show to callers: it contains no server text and no address.
/// </summary>
public sealed class StoreUnavailableException : Exception
{
    /// <summary>Creates the exception.</summary>
    public StoreUnavailableException(StoreFault fault, string message, Exception? inner = null)
        : base(message, inner) => Fault = fault;

    /// <summary>The server lacks the replicas that prove it is the primary, so its answers may be outdated.</summary>
    public static StoreUnavailableException Unconfirmed() => new(
        StoreFault.Unreachable, "The store's server cannot prove that it is still the primary: too few replicas follow it.");

    /// <summary>Another server is replacing the one that answered, or the sentinels cannot rule that out.</summary>
    internal static StoreUnavailableException BeingReplaced() => new(
        StoreFault.Unreachable, "The sentinels do not confirm that the store's server is the primary; the write may have been stored, so send it again.");

    /// <summary>The reason.</summary>
    public StoreFault Fault { get; }

    /// <summary>True if the server redirects the call to another server and has executed nothing.</summary>
    internal bool IsElsewhere { get; init; }

    /// <summary>True if another server may have the data by now.</summary>
    internal bool MayBeElsewhere =>
        IsElsewhere || Fault is StoreFault.Unreachable or StoreFault.Timeout or StoreFault.ReadOnlyReplica;
}
