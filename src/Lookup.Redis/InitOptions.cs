using System.Globalization;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;

namespace Lookup.Redis;

/// <summary>Settings of a new store.</summary>
public sealed record InitOptions
{
    /// <summary>Check value of the encryption key, see <see cref="NumberCipher.KeyCheck"/>.</summary>
    public required string KeyCheck { get; init; }

    /// <summary>Number of partitions: a power of two, 1 to 256. It cannot be changed later.</summary>
    public int Partitions { get; init; } = 16;

    /// <summary>
    /// Number of facts for which the filter is sized, 1 to 1,000,000,000; more facts only cause more false positives.
    /// </summary>
    public long ExpectedFacts { get; init; } = 1_000_000;

    /// <summary>Filter bits per fact, 1 to 64; 20 gives 0.2 % false positives.</summary>
    public double BitsPerFact { get; init; } = 20;

    /// <summary>Maximum wait for the replicas that <see cref="StoreOptions.WaitReplicas"/> requires: redis delays the first copy.</summary>
    public TimeSpan WaitForReplicas { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Returns a sentence per invalid value; empty if all are valid.</summary>
    public IReadOnlyList<string> Validate()
    {
        var faults = new List<string>();
        if (!System.Numerics.BitOperations.IsPow2(Partitions) || Partitions > NumberPseudonym.MaxPartitions)
        {
            faults.Add($"{nameof(Partitions)} is {Partitions}; it must be a power of two, 1 to {NumberPseudonym.MaxPartitions}.");
        }

        if (ExpectedFacts is < 1 or > 1_000_000_000)
        {
            faults.Add($"{nameof(ExpectedFacts)} is {ExpectedFacts}; it must be 1 to 1,000,000,000.");
        }

        if (BitsPerFact is not (>= 1 and <= 64))
        {
            faults.Add($"{nameof(BitsPerFact)} is {BitsPerFact}; it must be 1 to 64.");
        }

        if (faults.Count == 0 && ExpectedFacts * BitsPerFact / Partitions > BlockFilter.MaxBlocks * (BlockFilter.BlockSize * 8.0))
        {
            var most = BlockFilter.MaxBlocks * (BlockFilter.BlockSize * 8.0) * Partitions / BitsPerFact;
            faults.Add(string.Create(CultureInfo.InvariantCulture, $"{nameof(ExpectedFacts)} is {ExpectedFacts}; with {Partitions} partitions it must be at most {Math.Floor(most):F0}, because a filter has at most 512 MiB. Use more partitions."));
        }

        if (KeyCheck.Length == 0)
        {
            faults.Add($"{nameof(KeyCheck)} is empty.");
        }

        return faults;
    }
}
