using StackExchange.Redis;

namespace Lookup.Redis.Topology;

/// <summary>The only place that converts errors of redis and its client to our faults and messages.</summary>
internal static class RedisFaults
{
    /// <summary>The commands that the store uses, inside and outside scripts.</summary>
    internal static readonly string[] Needed =
    [
        "EVALSHA", "EVAL", "SCRIPT", "INFO", "WAIT", "HGET", "HMGET", "HSET", "HSETNX", "HDEL", "HKEYS", "HGETALL", "HLEN", "HEXISTS", "HINCRBY", "HSCAN",
        "GET", "SET", "STRLEN", "GETRANGE", "SETRANGE", "BITFIELD", "RPUSH", "LPOP", "LRANGE", "LINDEX", "LTRIM", "DEL", "EXISTS", "PEXPIRE",
        "EXPIRE", "PERSIST", "SADD", "SMEMBERS", "SSCAN", "ZADD", "ZREM", "ZCARD", "ZRANGEBYSCORE", "ZREVRANGEBYSCORE", "TIME",
    ];

    /// <summary>Throws if a script found another store epoch than the accepted ones and did nothing.</summary>
    internal static void ThrowIfOtherEpoch(RedisResult[] answer)
    {
        if ((int)answer[0] == Script.OtherEpoch)
        {
            throw Epoch(answer.Length > 1 ? (RedisValue)answer[1] : RedisValue.Null);
        }
    }

    internal static StoreUnavailableException Map(Exception exception) => exception switch
    {
        StoreUnavailableException known => known,
        RedisTimeoutException or TimeoutException => Timeout(exception),
        RedisCommandException e when e.Message.Contains("replica", StringComparison.OrdinalIgnoreCase) => Replica(e),
        RedisServerException e => Map(e.Message, e),
        // The client rewords a redirection that it does not follow.
        RedisException e when e.Message.Contains("hashslot", StringComparison.Ordinal) => Moved(e),
        _ => new StoreUnavailableException(StoreFault.Unreachable, "The store cannot be reached.", exception),
    };

    internal static StoreUnavailableException Timeout(Exception? inner = null) =>
        new(StoreFault.Timeout, "The store did not answer in time.", inner);

    internal static StoreUnavailableException Open() =>
        new(StoreFault.Unreachable, "The store does not answer; calls fail immediately until it does.");

    internal static StoreUnavailableException Replica(Exception? inner = null) =>
        new(StoreFault.ReadOnlyReplica, "The store's server is a replica; connect to the primary.", inner)
        {
            IsElsewhere = true,
        };

    private static StoreUnavailableException Moved(Exception? inner) =>
        new(StoreFault.Unreachable, "A part of the store is moving to another server.", inner) { IsElsewhere = true };

    internal static StoreUnavailableException NoServer() =>
        new(StoreFault.Unreachable, "No server has a part of the store.") { IsElsewhere = true };

    internal static StoreUnavailableException TooManyReads() =>
        new(StoreFault.Unreachable, "Too many reads are waiting for the store.");

    internal static StoreUnavailableException NotInitialised() =>
        new(StoreFault.NotInitialised, "The store is not set up, or a part of it is missing.");

    internal static StoreUnavailableException Epoch(RedisValue found)
    {
        if (found.IsNull)
        {
            return NotInitialised();
        }

        if (((string)found!).Contains('/', StringComparison.Ordinal))
        {
            return new StoreUnavailableException(StoreFault.WrongKey, "The store's encryption key is being rotated, or was, and this process has not followed yet.");
        }

        return found == StoreManifestFormat.LoadingEpoch
            ? new StoreUnavailableException(StoreFault.Loading, "A first load of the store is in progress or was interrupted.")
            : new StoreUnavailableException(StoreFault.ForeignEpoch, "The store was set up again, or is another store.");
    }

    internal static StoreUnavailableException Key(KeyRotationPhase phase) => new(
        StoreFault.WrongKey,
        phase.IsBoth ? "The store's encryption key is being rotated, and this process does not have both keys: facts would be missing."
            : phase.Number > 0 ? "The store's encryption key was rotated, and this process does not have the new key: none of its facts would be found."
            : "The store was set up with another encryption key: none of its facts would be found.");

    internal static StoreUnavailableException Changed() =>
        new(StoreFault.Unreachable, "Another server took over during the read.");

    internal static StoreUnavailableException RolledBack() => new(
        StoreFault.RolledBack,
        "The store is older than before: it was restored, or a failover lost writes. Check it, then restart the service.");

    internal static StoreUnavailableException FactsGone(int partition, long counted, long expected) => new(
        StoreFault.Damaged,
        $"Partition {partition} of the store has {counted} timelines and should have {expected}: facts were deleted without the service. Restore the store.");

    internal static StoreUnavailableException BucketLost(int partition) => new(
        StoreFault.Damaged,
        $"Facts of partition {partition} of the store are missing: they were deleted without the service. Restore the store.");

    internal static StoreUnavailableException Registry() => new(
        StoreFault.Damaged,
        "The registry of organisations and credentials does not match its checksum: part of it was changed or restored without the service. Restore it from a backup.");

    internal static StoreUnavailableException Overtaken() => new(
        StoreFault.Unreachable,
        "Another builder took over, or the store failed over, while a filter was built. The old filter stays active; rebuild again.");

    internal static StoreUnavailableException Damaged(Exception? inner = null) =>
        new(StoreFault.Damaged, "Stored data cannot be read: it is damaged, or a newer version wrote it.", inner);

    // Returns the needed command that an error names; the rest of the server's text is never repeated.
    private static string? Command(string text)
    {
        if (!text.Contains("unknown command", StringComparison.OrdinalIgnoreCase) && !text.Contains("permissions to run", StringComparison.Ordinal))
        {
            return null;
        }

        return Array.Find(Needed, command => text.Contains($"'{command}'", StringComparison.OrdinalIgnoreCase)
            || text.Contains($"'{command}|", StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>Converts an error that the server returned.</summary>
    internal static StoreUnavailableException Map(string text, Exception? e = null)
    {
        if (Is("OOM"))
        {
            return new StoreUnavailableException(StoreFault.Full, "The store's memory is full; no more facts can be recorded.", e);
        }

        if (Is("READONLY"))
        {
            return Replica(e);
        }

        if (Is("MISCONF"))
        {
            return new StoreUnavailableException(StoreFault.Settings, "The store cannot save to its disk and accepts no writes.", e);
        }
        // Errors of the embedded store; their texts are for its operator.
        if (Is("DAMAGED"))
        {
            return new StoreUnavailableException(StoreFault.Damaged, "The store's files are damaged; restart the service to see which file.", e);
        }

        if (Is("STOPPED"))
        {
            return new StoreUnavailableException(StoreFault.Settings, "The store's folder no longer belongs to this process, which has stopped using it.", e);
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
            return new StoreUnavailableException(StoreFault.Settings, $"The store's server does not allow the command {command}, which the service needs: it is forbidden, renamed or unknown there.", e);
        }

        if (text.Contains("called from script", StringComparison.Ordinal) || text.Contains("can't run this command", StringComparison.Ordinal))
        {
            return new StoreUnavailableException(StoreFault.Settings, "The store's server does not allow a command that the service's scripts need: it is forbidden, renamed or unknown there.", e);
        }

        if (Is("NOAUTH") || Is("WRONGPASS") || Is("NOPERM"))
        {
            return new StoreUnavailableException(StoreFault.Settings, "The store rejects the service's credentials or permissions.", e);
        }

        return new StoreUnavailableException(StoreFault.Settings, "The store's server returned an unknown error.", e);

        // An error of a command inside a script has the script's own text before or after the code.
        bool Is(string code) => text.StartsWith(code, StringComparison.Ordinal) || text.Contains(code + " ", StringComparison.Ordinal);
    }
}
