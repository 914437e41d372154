using System.Globalization;
using Google.Protobuf.Collections;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Reading;
using Lookup.Redis.Topology;
using Lookup.Server.Mapping;
using Lookup.Server.Reading;
using Microsoft.Extensions.Logging;

namespace Lookup.Server.Watch;

/// <summary>A change to deliver.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Change">The change in the feed.</param>
/// <param name="Now">The change with the store's current value if that differs; delivered right after it, as one unit.</param>
internal readonly record struct FoundChange(PhoneNumber Number, FeedChange Change, FeedChange? Now);

/// <summary>Maps changes of the feed to the contract: pseudonyms become numbers, hashes become names.</summary>
internal sealed class ChangeMapper(
    StoreManifest manifest, KeyRotationState keys, IFactReader store, NumberCipher cipher, FactResolver naming, LookupServerOptions options, TimeProvider clock, ILogger<ChangeMapper> log)
{
    /// <summary>
    /// Finds the number of a change. Returns null if the change is not delivered: it is a copy made by a key rotation, or its pseudonym
    /// does not decrypt to a number, because something other than the service wrote it.
    /// </summary>
    internal FoundChange? Find(FeedChange change)
    {
        // Copies were already delivered; a write under both keys is delivered under the old one.
        if (keys.IsCopy(change.Key))
        {
            return null;
        }

        if (cipher.TryDecrypt(change.Key, out var number))
        {
            return new FoundChange(number, change, null);
        }

        log.LogError("A change has a pseudonym that this deployment's encryption key does not decrypt to a number; it is not delivered.");
        return null;
    }

    /// <summary>
    /// During a key rotation the changes of a number are in two feeds, and a stream may be further in one of them and have delivered a
    /// later change already. So each change is followed by the store's current value, and an older value is never delivered last. Null if
    /// there is one feed.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store cannot answer, or its answer may lack a change.</exception>
    internal async Task<FoundChange?[]?> ReadAsync(ArraySegment<FeedChange> changes, CancellationToken cancellation)
    {
        if (!keys.HasTwoFeeds)
        {
            return null;
        }

        FoundChange?[] told = [.. changes.Select(Find)];
        await TakeNowAsync(told, cancellation);
        return told;
    }

    /// <summary>Maps a change.</summary>
    /// <exception cref="StoreUnavailableException">A name could not be read.</exception>
    internal async Task<V1.Change> MapAsync(PhoneNumber number, FeedChange change, CancellationToken cancellation)
    {
        var mapped = new V1.Change { Number = number.ToString(), Id = IdOf(change) };
        var versions = new RepeatedField<V1.KnownFact>();
        if (change.Value.IsEmpty
            || !await naming.AddAsync(versions, change.Id, change.Value.ToArray(), null, new CallMoment(clock.GetUtcNow().ToUnixTimeMilliseconds(), IsNamed: false), cancellation))
        {
            mapped.Removed = change.Value.IsEmpty;
            mapped.Fact = new V1.KnownFact { Fact = await naming.SubjectAsync(change.Id, cancellation) };
            return mapped;
        }

        foreach (var version in versions)
        {
            // Among equal versions the first takes effect latest.
            if (mapped.Fact is null || version.Recorded.Seconds > mapped.Fact.Recorded.Seconds)
            {
                mapped.Fact = version;
            }
        }

        mapped.OtherVersions.Add(versions.Where(version => version != mapped.Fact));
        return mapped;
    }

    // After a fail-over another change may have this version, but not this mark.
    private string IdOf(FeedChange change) => string.Create(
        CultureInfo.InvariantCulture, $"{manifest.Epoch:x16}-{change.Key.Partition(manifest.Partitions)}-{change.Version}-{ChangeMark.Of(change):x8}");

    private async Task TakeNowAsync(FoundChange?[] told, CancellationToken cancellation)
    {
        var batch = new ReadBatch();
        foreach (var one in told)
        {
            if (one is { } known)
            {
                batch.Add(cipher.Encrypt(known.Number), [known.Change.Id]);
            }
        }

        var freshness = new ReadFreshness(clock.GetTimestamp(), IsDemanding: true, clock, options.FreshnessBoundMs);
        var partitions = Enumerable.Range(0, batch.Count).Select(item => batch.Key(item).Partition(manifest.Partitions)).Distinct();
        await store.FenceAsync([.. partitions], cancellation);
        await store.ReadAsync(batch, cancellation);
        var next = 0;
        for (var i = 0; i < told.Length; i++)
        {
            if (told[i] is not { } known)
            {
                continue;
            }

            var item = next++;
            if (freshness.Fault(batch, item) is { } fault)
            {
                throw fault;
            }

            var value = batch.Value(item, 0);
            if (!value.Span.SequenceEqual(known.Change.Value.Span))
            {
                told[i] = known with { Now = known.Change with { Value = value.ToArray() } };
            }
        }
    }
}
