using StackExchange.Redis;

namespace Lookup.Redis;

/// <summary>How to reach and use a redis server. Checked as a whole by <see cref="Validate"/>.</summary>
public sealed record StoreOptions
{
    internal const int MaxReadTimeoutMs = 10_000;

    /// <summary>Where it is, as StackExchange.Redis writes it, for example "127.0.0.1:6379" or with "password=…,ssl=true".</summary>
    public required string ConnectionString { get; init; }

    /// <summary>Longest wait for a connection in milliseconds, 50 to 60,000.</summary>
    public int ConnectTimeoutMs { get; init; } = 2_000;

    /// <summary>
    /// Longest wait for a read in milliseconds, 5 to 10,000. A server that answers nobody for so long is given up: calls
    /// then fail at once until it answers again.
    /// </summary>
    public int ReadTimeoutMs { get; init; } = 250;

    /// <summary>Longest wait for a write in milliseconds, 10 to 60,000.</summary>
    public int WriteTimeoutMs { get; init; } = 5_000;

    /// <summary>Replicas that must have a write before it is acknowledged, 0 to 16 (redis WAIT).</summary>
    public int WaitReplicas { get; init; }

    /// <summary>Connections that share the reads, 1 to 16.</summary>
    public int ReadConnections { get; init; } = 1;

    /// <summary>
    /// Newest changes kept in the feed of each partition, about 51 bytes each: how long a consumer of changes may be away. 16 to 1,000,000.
    /// </summary>
    public int FeedLength { get; init; } = 16_384;

    /// <summary>Refuse a server that keeps no append-only file; otherwise it is a warning.</summary>
    public bool RequireAppendOnly { get; init; }

    /// <summary>The servers of <see cref="ConnectionString"/>, which may hold a password besides, for messages to operators.</summary>
    public string Servers => string.Join(", ", ConfigurationOptions.Parse(ConnectionString).EndPoints.Select(EndPointCollection.ToString));

    /// <summary>Everything that is wrong, a sentence each; empty if nothing is.</summary>
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
            faults.Add($"{nameof(ConnectionString)} is a URL: write host:port, for example 127.0.0.1:6379,password=...,ssl=true.");
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
            // The text may hold a password, so it is not repeated.
            faults.Add($"{nameof(ConnectionString)} cannot be read.");
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
