namespace Lookup.Embedded.Engine;

/// <summary>Settings of the embedded store. <see cref="Validate"/> checks all values.</summary>
public sealed record EmbeddedOptions
{
    /// <summary>Folder of the store; null: in memory, lost when the process ends.</summary>
    public string? Folder { get; init; }

    /// <summary>
    /// Sets up a new store if the folder has none. If false, a folder without a store is rejected, since it may be the wrong one.
    /// </summary>
    public bool Create { get; init; } = true;

    /// <summary>Number of partitions of a new store: a power of two, 1 to 256.</summary>
    public int Partitions { get; init; } = 4;

    /// <summary>Number of facts for which the filter of a new store is sized, 1 to 1,000,000,000.</summary>
    public long ExpectedFacts { get; init; } = 1_000_000;

    /// <summary>Number of changes kept in the feed of each partition, 16 to 1,000,000.</summary>
    public int FeedLength { get; init; } = 16_384;

    /// <summary>Memory to cache the store's files in MiB, 64 to 262,144, allocated on demand.</summary>
    public int MemoryMiB { get; init; } = 512;

    /// <summary>Size of the log in MiB, 16 to 65,536, above which its oldest part is written to separate files and removed.</summary>
    public int LogLimitMiB { get; init; } = 256;

    /// <summary>Time limit for a read in milliseconds, 5 to 10,000.</summary>
    public int ReadTimeoutMs { get; init; } = 1_000;

    /// <summary>Time limit for a write in milliseconds, 10 to 60,000.</summary>
    public int WriteTimeoutMs { get; init; } = 10_000;

    /// <summary>Returns a sentence per invalid value; empty if all are valid.</summary>
    public IReadOnlyList<string> Validate()
    {
        var faults = new List<string>();
        Range(nameof(MemoryMiB), MemoryMiB, 64, 262_144);
        Range(nameof(LogLimitMiB), LogLimitMiB, 16, 65_536);
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
