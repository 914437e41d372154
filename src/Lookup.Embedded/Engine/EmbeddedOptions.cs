namespace Lookup.Embedded.Engine;

/// <summary>How the embedded store keeps facts. Checked as a whole by <see cref="Validate"/>.</summary>
public sealed record EmbeddedOptions
{
    /// <summary>Folder of the store; null: in memory, gone when the process ends.</summary>
    public string? Folder { get; init; }

    /// <summary>Sets up a new store where the folder has none. False: a folder without one is refused, since it may be the wrong one.</summary>
    public bool Create { get; init; } = true;

    /// <summary>Partitions of a new store: a power of two, 1 to 256.</summary>
    public int Partitions { get; init; } = 4;

    /// <summary>Facts that the filter of a new store is made for, 1 to 1,000,000,000.</summary>
    public long ExpectedFacts { get; init; } = 1_000_000;

    /// <summary>Newest changes kept in the feed of each partition, 16 to 1,000,000.</summary>
    public int FeedLength { get; init; } = 16_384;

    /// <summary>Memory for what was read of the store's files, in MiB, 64 to 262,144. It is taken as it is needed.</summary>
    public int MemoryMiB { get; init; } = 512;

    /// <summary>Size of the log in MiB, 16 to 65,536, from which on its oldest part is written to files of their own and cut off.</summary>
    public int LogLimitMiB { get; init; } = 256;

    /// <summary>Longest wait for a read in milliseconds, 5 to 10,000.</summary>
    public int ReadTimeoutMs { get; init; } = 1_000;

    /// <summary>Longest wait for a write in milliseconds, 10 to 60,000.</summary>
    public int WriteTimeoutMs { get; init; } = 10_000;

    /// <summary>Everything that is wrong, a sentence each; empty if nothing is.</summary>
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
