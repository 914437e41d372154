using System.Buffers.Binary;
using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Redis.Following;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Maintenance;

/// <summary>Compares the counts and versions of the partitions with their contents.</summary>
internal static class StoreContents
{
    // Buckets examined in each partition; all of them are counted.
    private const int Sample = 64;

    internal static async Task<IReadOnlyList<Finding>> ExamineAsync(
        RedisTopology link, StoreManifest manifest, CancellationToken cancellation)
    {
        var findings = new List<Finding>();
        var keys = new KeyRotationState(manifest.Epoch, manifest.Phase);
        var partitions = new PartitionStates(manifest.Partitions);
        var stored = new StoredFilters(link, partitions, keys);
        long facts = 0;
        var all = new List<(PartitionFilter, BlockFilter)>();
        for (var p = 0; p < manifest.Partitions; p++)
        {
            cancellation.ThrowIfCancellationRequested();
            var meta = await MetaAsync(link, p, cancellation);
            if (!keys.Accepts(meta[0]) || meta[1].IsNull || meta[2].IsNull || meta[3].IsNull)
            {
                findings.Add(new Finding(FindingLevel.Fail, "partition", $"Partition {p} is missing or belongs to another store.", "Restore the store from a backup, or set it up again."));
                continue;
            }

            var generations = FilterGenerations.Parse(meta[2]!);
            // The first one is active; a second one is still being built and does not have every fact.
            var filter = await stored.ReadAsync(p, generations.All[0], cancellation);
            var answering = filter.Filter;
            if (FilterFindings.FromFit(p, filter.Fit) is { } unfit)
            {
                findings.Add(unfit);
            }

            foreach (var building in generations.All.Skip(1))
            {
                if (FilterFindings.FromFit(p, await stored.CheckAsync(p, building, cancellation)) is { Level: FindingLevel.Fail } broken)
                {
                    findings.Add(broken);
                }
            }

            var said = (long)meta[3];
            if (answering is not null)
            {
                all.Add((PartitionFilter.FromMeta(p, generations, said, meta[4]), answering));
            }

            facts += said;
            var counted = await CountAsync(link, p, cancellation);
            // Writes continue during the count.
            var after = (long)(await MetaAsync(link, p, cancellation))[3];
            if (counted < said || counted > after)
            {
                findings.Add(new Finding(FindingLevel.Fail, "count", $"Partition {p} has {counted} timelines and should have {said}.", "Facts were lost or written without the service: restore the store. Or record them again, then run 'lookup rebuild --accept-loss'."));
            }

            var counts = new BucketCounts(link, partitions, keys, p);
            if (await counts.FindLossAsync([.. Enumerable.Range(0, NumberPseudonym.Buckets)], cancellation) is >= 0 and var lost)
            {
                findings.Add(new Finding(FindingLevel.Fail, "count", $"Bucket {lost} of partition {p} does not have the timelines that were stored in it.", "Facts were deleted without the service: restore the store. Or record them again, then run 'lookup rebuild --accept-loss'."));
            }
            else if (!await counts.AreKeptAsync(cancellation))
            {
                findings.Add(new Finding(FindingLevel.Warn, "count", $"The timelines in the buckets of partition {p} are not counted: an older version of the service set the store up or wrote to it.", "Run 'lookup rebuild', unless a service is doing it."));
            }

            await FeedAsync(findings, link, p, (ulong)(long)meta[1], cancellation);
            if (answering is not null)
            {
                await SampleAsync(findings, link, p, answering, cancellation);
            }
        }

        findings.AddRange(FilterFindings.Judge(all, link.Clock));
        findings.Add(await CertificateCount.FindAsync(new EvidenceScan(link, manifest, _ => false).RunAsync, link.Clock.GetUtcNow(), cancellation));
        findings.Add(new Finding(FindingLevel.Ok, "facts", $"{facts} timelines."));
        return findings;
    }

    /// <summary>Counts the timelines in the buckets of a partition.</summary>
    internal static async Task<long> CountAsync(RedisTopology link, int partition, CancellationToken cancellation)
    {
        const int Chunk = 4_096;
        long counted = 0;
        for (var first = 0; first < NumberPseudonym.Buckets; first += Chunk)
        {
            var start = first;
            var lengths = await link.WriteAsync(
                partition,
                db => Task.WhenAll(Enumerable.Range(start, Chunk).Select(
                    bucket => db.HashLengthAsync(Keys.Bucket(partition, bucket), CommandFlags.DemandMaster))),
                cancellation);
            counted += lengths.Sum();
        }

        return counted;
    }

    private static Task<RedisValue[]> MetaAsync(RedisTopology link, int partition, CancellationToken cancellation) =>
        link.WriteAsync(
            partition, db => db.HashGetAsync(Keys.Meta(partition), ["e", "v", "g", "n", "t"], CommandFlags.DemandMaster), cancellation);

    private static async Task FeedAsync(
        List<Finding> findings, RedisTopology link, int partition, ulong version, CancellationToken cancellation)
    {
        var feed = await link.WriteAsync(partition, db => db.ListRangeAsync(Keys.Feed(partition), flags: CommandFlags.DemandMaster), cancellation);
        for (var i = 1; i < feed.Length; i++)
        {
            if (VersionOf(feed[i]) != VersionOf(feed[i - 1]) + 1)
            {
                findings.Add(new Finding(FindingLevel.Fail, "feed", $"The feed of partition {partition} has a gap.", "Instances reload the partition; find out what writes without the service."));
                return;
            }
        }

        if (feed.Length > 0 && VersionOf(feed[^1]) < version)
        {
            findings.Add(new Finding(FindingLevel.Fail, "feed", $"The feed of partition {partition} ends before its version.", "Find out what writes without the service."));
        }
    }

    private static async Task SampleAsync(
        List<Finding> findings, RedisTopology link, int partition, BlockFilter filter, CancellationToken cancellation)
    {
        for (var i = 0; i < Sample; i++)
        {
            var bucket = i * (NumberPseudonym.Buckets / Sample);
            var entries = await link.WriteAsync(partition, db => db.HashGetAllAsync(Keys.Bucket(partition, bucket), CommandFlags.DemandMaster), cancellation);
            foreach (var entry in entries)
            {
                byte[] field = entry.Name!;
                if (field.Length != Keys.FieldSize)
                {
                    findings.Add(new Finding(FindingLevel.Fail, "bucket", $"Bucket {bucket} of partition {partition} has an entry that is not a fact."));
                    return;
                }

                var id = FactId.Read(field.AsSpan(NumberPseudonym.FieldSize));
                var key = NumberPseudonym.FromField(bucket, field);
                if (Timeline.Read(id.Kind, (byte[])entry.Value!, new FactEntry[Timeline.MaxEntries], out _) < 0)
                {
                    findings.Add(new Finding(FindingLevel.Fail, "timeline", $"A timeline in bucket {bucket} of partition {partition} cannot be read.", "Damaged, or written by a newer version of the service."));
                }

                if (!filter.MayContain(key, id))
                {
                    findings.Add(new Finding(FindingLevel.Fail, "filter", $"The filter of partition {partition} does not have a fact of bucket {bucket}.", "Run 'lookup rebuild' now."));
                    return;
                }
            }
        }
    }

    private static ulong VersionOf(RedisValue entry) => BinaryPrimitives.ReadUInt64BigEndian((byte[])entry!);
}
