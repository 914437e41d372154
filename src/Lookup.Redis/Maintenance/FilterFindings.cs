using System.Globalization;
using Lookup.Core.Filters;
using Lookup.Redis.Following;

namespace Lookup.Redis.Maintenance;

/// <summary>Judges the filters of a store.</summary>
public static class FilterFindings
{
    /// <summary>Share of false positives, 0 to 1, above which a filter should be rebuilt.</summary>
    public const double MostFalsePositives = 0.01;

    /// <summary>Reads and judges every filter.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public static async Task<IReadOnlyList<Finding>> ExamineAsync(IFilterStore filters, IChangeFeed feed, TimeProvider clock, CancellationToken cancellation)
    {
        var read = new List<(PartitionFilter, BlockFilter)>();
        var findings = new List<Finding>();
        for (var p = 0; p < feed.Partitions; p++)
        {
            var filter = await filters.ExamineAsync(p, cancellation);
            if (FromFit(p, filter.Fit) is { } unfit)
            {
                findings.Add(unfit);
            }

            read.Add((filter, (await feed.LoadFilterAsync(p, cancellation)).Filter));
        }

        return [.. findings, .. Judge(read, clock)];
    }

    /// <summary>Returns the finding about a filter's length and checksums; null if they are right.</summary>
    internal static Finding? FromFit(int partition, FilterFit fit) => fit switch
    {
        FilterFit.Sound => null,
        FilterFit.Unchecked => new Finding(
            FindingLevel.Warn, "filter", $"The filter of partition {partition} has no valid checksums: an older version of the service set it up or wrote to it. Instances that start build their own from the facts.", "Run 'lookup rebuild', unless a service is doing it."),
        _ => new Finding(
            FindingLevel.Fail, "filter", $"The filter of partition {partition} is missing, has another length, or lost bits. Instances that start build their own from the facts.", "Run 'lookup rebuild', unless a service is doing it. Find out what deletes or changes keys without the service."),
    };

    internal static IReadOnlyList<Finding> Judge(IReadOnlyList<(PartitionFilter Partition, BlockFilter Filter)> filters, TimeProvider clock)
    {
        if (filters.Count == 0)
        {
            return [];
        }

        var findings = new List<Finding>();
        var worst = filters.Max(f => FilterQuality.FalsePositives(f.Filter));
        var facts = filters.Sum(f => f.Partition.Facts);
        var capacity = filters.Sum(f => f.Partition.Capacity);
        var oldest = filters.Min(f => f.Partition.Built);
        var built = filters.Any(f => f.Partition.Built is null)
            ? "some as they were set up"
            : $"the oldest rebuilt {Math.Max(0, (clock.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds(oldest!.Value)).TotalHours).ToString("N1", CultureInfo.InvariantCulture)} h ago";
        var what = string.Create(
            CultureInfo.InvariantCulture,
            $"At most {100 * filters.Max(f => f.Filter.Fill):N0} % of the bits are set and {100 * worst:N2} % false positives expected; {facts:N0} timelines, made for {capacity:N0}; generation {filters.Max(f => f.Partition.Generation)}, {built}.");
        findings.Add(worst <= MostFalsePositives
            ? new Finding(FindingLevel.Ok, "filter", what)
            : new Finding(FindingLevel.Warn, "filter", what + " Numbers without facts cost a round trip more often than they should.", "Run 'lookup rebuild', unless a service is doing it."));
        var building = filters.Where(f => f.Partition.IsBuilding).Select(f => f.Partition.Partition).ToList();
        if (building.Count > 0)
        {
            findings.Add(new Finding(FindingLevel.Ok, "filter", $"Being rebuilt, or left by a builder that was stopped: partition {string.Join(", ", building)}."));
        }

        return findings;
    }
}
