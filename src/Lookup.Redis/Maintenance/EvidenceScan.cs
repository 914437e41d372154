using System.Text;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Maintenance;

/// <summary>A consent with evidence.</summary>
/// <param name="Key">Pseudonym of the number.</param>
/// <param name="Id">Purpose and organisation.</param>
/// <param name="Consent">The version.</param>
/// <param name="IsNewest">Whether no version of the same consent is newer.</param>
/// <param name="Evidence">The evidence.</param>
public readonly record struct StoredEvidence(NumberPseudonym Key, FactId Id, FactEntry Consent, bool IsNewest, Evidence Evidence);

/// <summary>Reads the evidence of every consent of a store while others write.</summary>
/// <param name="link">The store.</param>
/// <param name="manifest">Its manifest.</param>
/// <param name="isCopy">Whether a pseudonym is the second one of its number, during a key rotation.</param>
internal sealed class EvidenceScan(RedisTopology link, StoreManifest manifest, Func<NumberPseudonym, bool> isCopy)
{
    internal async Task RunAsync(Action<StoredEvidence> visit, Action<double> progress, CancellationToken cancellation)
    {
        for (var p = 0; p < manifest.Partitions; p++)
        {
            await foreach (var (first, buckets) in new BucketScan(link).ReadAsync(p, 0, cancellation))
            {
                var consents = new List<(NumberPseudonym Key, FactId Id, FactEntry Entry, bool IsNewest)>();
                for (var i = 0; i < buckets.Length; i++)
                {
                    Add(consents, first + i, buckets[i]);
                }

                foreach (var chunk in consents.Chunk(BucketScan.Chunk))
                {
                    await VisitAsync(p, chunk, visit, cancellation);
                }

                progress((p + ((first + buckets.Length) / (double)NumberPseudonym.Buckets)) / manifest.Partitions);
            }
        }
    }

    private void Add(List<(NumberPseudonym, FactId, FactEntry, bool)> consents, int bucket, HashEntry[] timelines)
    {
        var entries = new FactEntry[Timeline.MaxEntries];
        foreach (var timeline in timelines)
        {
            byte[] field = timeline.Name!;
            if (field.Length != Keys.FieldSize)
            {
                continue;
            }

            var (key, id) = (NumberPseudonym.FromField(bucket, field), FactId.Read(field.AsSpan(NumberPseudonym.FieldSize)));
            if (id.Kind != FactKind.Consent || isCopy(key))
            {
                continue;
            }

            var count = Timeline.Read(id.Kind, (byte[])timeline.Value!, entries, out _);
            for (var i = 0; i < count; i++)
            {
                if ((entries[i].Marks & FactMarks.Evidence) != 0)
                {
                    consents.Add((key, id, entries[i], i == 0));
                }
            }
        }
    }

    private async Task VisitAsync(
        int partition, (NumberPseudonym Key, FactId Id, FactEntry Entry, bool IsNewest)[] consents, Action<StoredEvidence> visit, CancellationToken cancellation)
    {
        var texts = await link.WriteAsync(
            partition,
            db => Task.WhenAll(consents.Select(one => db.HashGetAsync(
                Keys.Details(partition, one.Key.Bucket), Keys.VersionField(one.Key, one.Id, one.Entry.Effective), CommandFlags.DemandMaster))),
            cancellation);
        for (var i = 0; i < consents.Length; i++)
        {
            if (!texts[i].IsNull && FactDetail.TryRead(Encoding.UTF8.GetString((byte[])texts[i]!), out _, out var evidence, out _) && evidence is not null)
            {
                var (key, id, entry, isNewest) = consents[i];
                visit(new StoredEvidence(key, id, entry, isNewest, evidence));
            }
        }
    }
}

/// <summary>Counts the certificates of consents that still have to be claimed from their issuer, or can no longer be.</summary>
public sealed class CertificateCount(DateTimeOffset now)
{
    /// <summary>Certificates to be claimed within this many days are reported.</summary>
    public const int WarnDays = 30;

    private DateTimeOffset _first = DateTimeOffset.MaxValue;

    /// <summary>Certificates to be claimed within <see cref="WarnDays"/>.</summary>
    public long Due { get; private set; }

    /// <summary>Certificates that were not claimed in time.</summary>
    public long Missed { get; private set; }

    /// <summary>The earliest date by which one of <see cref="Due"/> must be claimed; null for none.</summary>
    public DateTimeOffset? First => Due > 0 ? _first : null;

    /// <summary>Counts evidence.</summary>
    /// <param name="claimBy">Until when it can be claimed; null: nothing to claim.</param>
    /// <param name="isClaimed">Whether it was claimed.</param>
    public void Add(DateTimeOffset? claimBy, bool isClaimed)
    {
        if (isClaimed || claimBy is not { } by)
        {
            return;
        }

        if (by <= now)
        {
            Missed++;
        }
        else if (by <= now.AddDays(WarnDays))
        {
            Due++;
            _first = by < _first ? by : _first;
        }
    }

    /// <summary>Counts the certificates of a store that must be claimed, for 'lookup doctor'.</summary>
    /// <param name="read">Reads the evidence of every consent.</param>
    /// <param name="now">The time.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public static async Task<Finding> FindAsync(
        Func<Action<StoredEvidence>, Action<double>, CancellationToken, Task> read, DateTimeOffset now, CancellationToken cancellation)
    {
        var certificates = new CertificateCount(now);
        await read(
            one =>
            {
                if (one.IsNewest && !one.Consent.Withdrawn && one.Consent.Until > now.ToUnixTimeMilliseconds())
                {
                    certificates.Add(one.Evidence.ClaimBy, one.Evidence.Claimed is not null);
                }
            },
            _ => { },
            cancellation);
        return certificates.ToFinding();
    }

    private Finding ToFinding()
    {
        const string Fix = "Claim them, and record these consents again with the time at which they were claimed; 'lookup preview LIST --missing-evidence FILE' lists numbers.";
        var missed = Missed > 0 ? $"{Missed:N0} certificates of consents were not claimed in time, so their proof may be gone." : "";
        return First is { } first
            ? new Finding(FindingLevel.Warn, "evidence", $"{Due:N0} certificates of consents must be claimed within {WarnDays} days, the first by {first.UtcDateTime:yyyy-MM-dd HH:mm}Z. {missed}".TrimEnd(), Fix)
            : Missed > 0 ? new Finding(FindingLevel.Warn, "evidence", missed, Fix)
            : new Finding(FindingLevel.Ok, "evidence", $"No certificate of a consent must be claimed within {WarnDays} days.");
    }
}
