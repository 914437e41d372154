using StackExchange.Redis;

namespace Lookup.Redis.Topology;

/// <summary>The one place where what redis and its client throw becomes one of our faults, in our words.</summary>
internal static class RedisFaults
{
    /// <summary>The commands that the store uses, in scripts and out of them.</summary>
    internal static readonly string[] Needed =
    [
        "EVALSHA", "EVAL", "SCRIPT", "INFO", "WAIT", "HGET", "HMGET", "HSET", "HSETNX", "HDEL", "HKEYS", "HGETALL", "HLEN", "HEXISTS", "HINCRBY", "HSCAN",
        "GET", "SET", "STRLEN", "GETRANGE", "SETRANGE", "BITFIELD", "RPUSH", "LPOP", "LRANGE", "LINDEX", "LTRIM", "DEL", "EXISTS", "PEXPIRE",
        "EXPIRE", "PERSIST", "SADD", "SMEMBERS", "SSCAN", "ZADD", "ZREM", "ZCARD", "ZRANGEBYSCORE", "ZREVRANGEBYSCORE", "TIME",
    ];

    internal static StoreUnavailableException Map(Exception exception) => exception switch
    {
        StoreUnavailableException known => known,
        RedisTimeoutException or TimeoutException => Timeout(exception),
        RedisCommandException e when e.Message.Contains("replica", StringComparison.OrdinalIgnoreCase) => Replica(e),
        RedisServerException e => Map(e.Message, e),
        // The client puts a redirection that it does not follow into words of its own.
        RedisException e when e.Message.Contains("hashslot", StringComparison.Ordinal) => Moved(e),
        _ => new StoreUnavailableException(StoreFault.Unreachable, "The store cannot be reached.", exception),
    };

    internal static StoreUnavailableException Timeout(Exception? inner = null) =>
        new(StoreFault.Timeout, "The store did not answer in time.", inner);

    internal static StoreUnavailableException Open() =>
        new(StoreFault.Unreachable, "The store does not answer; calls fail at once until it does.");

    internal static StoreUnavailableException Replica(Exception? inner = null) =>
        new(StoreFault.ReadOnlyReplica, "The store's server is a replica; facts are read and written on the primary.", inner)
        {
            IsElsewhere = true,
        };

    private static StoreUnavailableException Moved(Exception? inner) =>
        new(StoreFault.Unreachable, "A part of the store is moving to another server.", inner) { IsElsewhere = true };

    internal static StoreUnavailableException NoServer() =>
        new(StoreFault.Unreachable, "A part of the store is with no server.") { IsElsewhere = true };

    internal static StoreUnavailableException TooManyReads() =>
        new(StoreFault.Unreachable, "Too many reads wait for the store.");

    internal static StoreUnavailableException NotInitialised() =>
        new(StoreFault.NotInitialised, "The store is not set up, or a part of it is gone.");

    internal static StoreUnavailableException Epoch(RedisValue found)
    {
        if (found.IsNull)
        {
            return NotInitialised();
        }

        if (((string)found!).Contains('/', StringComparison.Ordinal))
        {
            return new StoreUnavailableException(StoreFault.WrongKey, "The store's number key is being changed, or was, and this process has not gone on yet.");
        }

        return found == StoreManifestFormat.LoadingEpoch
            ? new StoreUnavailableException(StoreFault.Loading, "A first load of the store is under way or was broken off.")
            : new StoreUnavailableException(StoreFault.ForeignEpoch, "The store was set up anew, or is another one.");
    }

    internal static StoreUnavailableException Key(KeyRotationPhase stage) => new(
        StoreFault.WrongKey,
        stage.IsBoth ? "The store's number key is being changed, and not both keys are here: facts would be missing."
            : stage.Number > 0 ? "The store's number key was changed, and the new one is not here: none of its facts would be found."
            : "The store was set up with another number key: none of its facts would be found.");

    internal static StoreUnavailableException Changed() =>
        new(StoreFault.Unreachable, "Another server took over while the store was read.");

    internal static StoreUnavailableException RolledBack() => new(
        StoreFault.RolledBack,
        "The store is older than it was before: it was restored or failed over with loss. Check it, then restart.");

    internal static StoreUnavailableException FactsGone(int partition, long counted, long expected) => new(
        StoreFault.Damaged,
        $"Partition {partition} of the store holds {counted} timelines and should hold {expected}: facts were deleted past the service. Restore the store.");

    internal static StoreUnavailableException BucketLost(int partition) => new(
        StoreFault.Damaged,
        $"Facts of partition {partition} of the store are gone: they were deleted past the service. Restore the store.");

    internal static StoreUnavailableException Registry() => new(
        StoreFault.Damaged,
        "The registry of organisations and credentials does not match its checksum: part of it was changed or restored past the service. Restore it from a backup.");

    internal static StoreUnavailableException Overtaken() => new(
        StoreFault.Unreachable,
        "Another builder took over, or the store failed over, while a filter was built. The old filter answers; rebuild again.");

    internal static StoreUnavailableException Damaged(Exception? inner = null) =>
        new(StoreFault.Damaged, "Something stored cannot be read: it is damaged, or a newer version wrote it.", inner);

    // Of those that the service needs, the one that an error is about: of the server's text nothing else is repeated.
    private static string? Command(string text)
    {
        if (!text.Contains("unknown command", StringComparison.OrdinalIgnoreCase) && !text.Contains("permissions to run", StringComparison.Ordinal))
        {
            return null;
        }

        return Array.Find(Needed, command => text.Contains($"'{command}'", StringComparison.OrdinalIgnoreCase)
            || text.Contains($"'{command}|", StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>For an error that the server answered.</summary>
    internal static StoreUnavailableException Map(string text, Exception? e = null)
    {
        if (Is("OOM"))
        {
            return new StoreUnavailableException(StoreFault.Full, "The store's memory is full; nothing more can be recorded.", e);
        }

        if (Is("READONLY"))
        {
            return Replica(e);
        }

        if (Is("MISCONF"))
        {
            return new StoreUnavailableException(StoreFault.Settings, "The store cannot save to its disk and takes no writes.", e);
        }
        // The embedded store's own; what they say is for its operator.
        if (Is("DAMAGED"))
        {
            return new StoreUnavailableException(StoreFault.Damaged, "The store's files are damaged; a restart of the service names the place.", e);
        }

        if (Is("STOPPED"))
        {
            return new StoreUnavailableException(StoreFault.Settings, "The store's folder was taken away from this process, which has stopped using it.", e);
        }

        if (Is("NOREPLICAS"))
        {
            return new StoreUnavailableException(StoreFault.Unreachable, "Too few replicas are connected to the store.", e);
        }

        if (Is("MOVED") || Is("ASK") || Is("TRYAGAIN") || text.Contains("hashslot", StringComparison.Ordinal))
        {
            return Moved(e);
        }

        if (Is("LOADING") || Is("BUSY") || Is("MASTERDOWN") || Is("CLUSTERDOWN"))
        {
            return new StoreUnavailableException(StoreFault.Unreachable, "The store is not ready yet.", e);
        }

        if (Is("WRONGTYPE"))
        {
            return Damaged(e);
        }

        if (Command(text) is { } command)
        {
            return new StoreUnavailableException(StoreFault.Settings, $"The store's server does not let the service use the command {command}, which it needs: it is forbidden, renamed or unknown there.", e);
        }

        if (text.Contains("called from script", StringComparison.Ordinal) || text.Contains("can't run this command", StringComparison.Ordinal))
        {
            return new StoreUnavailableException(StoreFault.Settings, "The store's server does not let the service's scripts use a command that they need: it is forbidden, renamed or unknown there.", e);
        }

        if (Is("NOAUTH") || Is("WRONGPASS") || Is("NOPERM"))
        {
            return new StoreUnavailableException(StoreFault.Settings, "The store refuses the service's credentials or rights.", e);
        }

        return new StoreUnavailableException(StoreFault.Settings, "The store's server answered in a way that is not understood.", e);

        // Errors of a command within a script carry the script's own words before or after the code.
        bool Is(string code) => text.StartsWith(code, StringComparison.Ordinal) || text.Contains(code + " ", StringComparison.Ordinal);
    }
}
