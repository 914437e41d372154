using StackExchange.Redis;

namespace Lookup.Redis;

/// <summary>Address and limits of a redis server. <see cref="Validate"/> checks all values.</summary>
public sealed record StoreOptions
{
    internal const int MaxReadTimeoutMs = 10_000;

    /// <summary>
    /// Connection string in the format of StackExchange.Redis, for example "127.0.0.1:6379" or with "password=…,ssl=true".
    /// </summary>
    public required string ConnectionString { get; init; }

    /// <summary>Time limit for connecting in milliseconds, 50 to 60,000.</summary>
    public int ConnectTimeoutMs { get; init; } = 2_000;

    /// <summary>
    /// Time limit for a read in milliseconds, 5 to 10,000. When a server answers no call for that long, calls to it fail
    /// immediately until it answers again.
    /// </summary>
    public int ReadTimeoutMs { get; init; } = 250;

    /// <summary>Time limit for a write in milliseconds, 10 to 60,000.</summary>
    public int WriteTimeoutMs { get; init; } = 5_000;

    /// <summary>Replicas that must have a write before it is acknowledged (redis WAIT), 0 to 16.</summary>
    public int WaitReplicas { get; init; }

    /// <summary>Number of connections that share the reads, 1 to 16.</summary>
    public int ReadConnections { get; init; } = 1;

    /// <summary>
    /// Number of changes kept in the feed of each partition, about 51 bytes each, 16 to 1,000,000. It limits how long a consumer
    /// of changes may be disconnected.
    /// </summary>
    public int FeedLength { get; init; } = 16_384;

    /// <summary>Rejects a server without an append-only file; if false, such a server causes a warning.</summary>
    public bool RequireAppendOnly { get; init; }

    /// <summary>The servers of <see cref="ConnectionString"/> without its password, for messages to operators.</summary>
    public string Servers => string.Join(", ", ConfigurationOptions.Parse(ConnectionString).EndPoints.Select(EndPointCollection.ToString));

    /// <summary>Returns a sentence per invalid value; empty if all are valid.</summary>
    public IReadOnlyList<string> Validate()
    {
        var faults = new List<string>();
        Range(nameof(ConnectTimeoutMs), ConnectTimeoutMs, 50, 60_000);
        Range(nameof(ReadTimeoutMs), ReadTimeoutMs, 5, MaxReadTimeoutMs);
        Range(nameof(WriteTimeoutMs), WriteTimeoutMs, 10, 60_000);
        Range(nameof(WaitReplicas), WaitReplicas, 0, 16);
        Range(nameof(ReadConnections), ReadConnections, 1, 16);
        Range(nameof(FeedLength), FeedLength, 16, 1_000_000);
        if (ConnectionString.Contains("://", StringComparison.Ordinal))
        {
            faults.Add($"{nameof(ConnectionString)} must not be a URL; write host:port, for example 127.0.0.1:6379,password=...,ssl=true.");
        }

        try
        {
            if (ConfigurationOptions.Parse(ConnectionString).EndPoints.Count == 0)
            {
                faults.Add($"{nameof(ConnectionString)} names no server.");
            }
        }
        catch (Exception e) when (e is ArgumentException or FormatException)
        {
            // The text may contain a password, so the message does not repeat it.
            faults.Add($"{nameof(ConnectionString)} is not a valid connection string.");
        }

        return faults;

        void Range(string name, int value, int min, int max)
        {
            if (value < min || value > max)
            {
                faults.Add($"{name} is {value}; it must be {min} to {max}.");
            }
        }
    }
}
