using Google.Protobuf.Collections;
using Lookup.Core.Blocks;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Store;
using Lookup.Server.Mapping;
using Kind = Lookup.V1.Fact.KindOneofCase;

namespace Lookup.Server.Facts;

/// <summary>A number with facts that no check finds, because it is in no numbering plan of this version.</summary>
/// <param name="Stored">The number under which the facts are stored.</param>
/// <param name="Key">Its pseudonym.</param>
/// <param name="Now">The number as which checks read it; null if they reject it.</param>
internal sealed record FormerNumber(PhoneNumber Stored, NumberPseudonym Key, PhoneNumber? Now);

/// <summary>
/// Finds facts that earlier versions stored under numbers which this one rejects or reads as another number of the same subscriber, and
/// returns them for recording under that number.
/// </summary>
internal sealed class FormerNumbers(FactStore store, NumberCipher cipher, RegimeSet regimes, TimeProvider clock)
{
    private readonly FactResolver _resolver = new(store.Names, regimes);

    /// <summary>Reads every number of the store.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    internal async Task<IReadOnlyList<FormerNumber>> FindAsync(CancellationToken cancellation)
    {
        var found = new Dictionary<NumberPseudonym, FormerNumber>();
        for (var p = 0; p < store.Manifest.Partitions; p++)
        {
            await store.Filters.VisitAsync(p, Visit, cancellation);
        }

        return [.. found.Values.OrderBy(number => number.Stored.Value)];

        void Visit(NumberPseudonym key, FactId id)
        {
            if (store.EncryptionKeys.IsCopy(key))
            {
                return;
            }

            var number = cipher.Decrypt(key);
            if (PhoneNumber.TryFrom(number.Value, out _, out _) || found.ContainsKey(key))
            {
                return;
            }

            found.Add(key, new FormerNumber(number, key, NumberParser.Instance.TryParse(number.ToString(), null, out var now, out _) ? now : null));
        }
    }

    /// <summary>Returns the blocks in force whose numbers, as they were recorded, are in no numbering plan.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    internal async Task<IReadOnlyList<NumberBlock>> BlocksAsync(CancellationToken cancellation)
    {
        var blocks = (await store.Registry.ReadAsync(cancellation)).Blocks;
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        return [.. blocks.All.Where(block => block.End > now && BlockPattern.IsOutsidePlan(block.Range)).OrderBy(block => block.Range.First)];
    }

    /// <summary>
    /// Returns the facts of a number, stated about the number as which checks read it. Left out are those of register snapshots, since the
    /// register is loaded again, and imported facts that permit and had no time (VersionsInEffect.cs): stated now, they would have one.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store could not answer, or a fact cannot be read.</exception>
    internal async Task<IReadOnlyList<V1.Fact>> FactsAsync(FormerNumber number, CancellationToken cancellation)
    {
        var known = new RepeatedField<V1.KnownFact>();
        var now = new CallMoment(clock.GetUtcNow().ToUnixTimeMilliseconds(), IsNamed: false);
        foreach (var timeline in await store.Reader.ReadAllAsync(number.Key, cancellation))
        {
            if (!timeline.Id.IsCopy
                && !await _resolver.AddAsync(known, timeline.Id, timeline.Value, timeline.Details, now, cancellation))
            {
                throw new StoreUnavailableException(StoreFault.Damaged, "A stored fact is damaged and cannot be read.");
            }
        }

        // An erasure leaves a second objection, in effect since 1970.
        var facts = known.Where(one => !one.FromSnapshot && !HadNoTime(one) && one.Fact.Effective.Seconds > 0).Select(one => one.Fact).ToList();
        foreach (var fact in facts)
        {
            fact.Number = number.Now!.Value.ToString();
        }

        return facts;
    }

    private static bool HadNoTime(V1.KnownFact known) =>
        known.ImportId.Length > 0 && known.Recorded.Seconds == known.Fact.Effective.Seconds
        && known.Fact is { Withdrawn: false, KindCase: Kind.Consent or Kind.Relation or Kind.PublishedForOffers or Kind.Subscriber };
}
