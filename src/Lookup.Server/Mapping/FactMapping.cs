using Google.Protobuf.WellKnownTypes;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Server.Errors;

namespace Lookup.Server.Mapping;

/// <summary>Maps facts of the contract to those of Core. Validates only what Core cannot see.</summary>
internal static class FactMapping
{
    // Replaces an invalid number, so that the other fields are validated too; never stored.
    internal static readonly PhoneNumber Placeholder = new(31612345678);

    /// <summary>Reads a fact. The result is valid only if no fault was added.</summary>
    internal static Fact Map(V1.Fact source, ref List<FieldFault>? faults)
    {
        var before = faults?.Count ?? 0;
        var number = FieldFaults.Number(source.Number, source.DefaultRegion, ref faults);
        return Map(source, (faults?.Count ?? 0) == before ? number : Placeholder, ref faults);
    }

    /// <summary>Reads a fact for a parsed number.</summary>
    internal static Fact Map(V1.Fact source, PhoneNumber number, ref List<FieldFault>? faults)
    {
        var fact = new Fact
        {
            Number = number,
            Kind = KindOf(source.KindCase),
            Effective = Time(source.Effective, "effective", ref faults),
            Withdrawn = source.Withdrawn,
            Source = source.Source,
            Actor = source.Actor,
            Reason = source.Reason,
        };
        return source.KindCase switch
        {
            V1.Fact.KindOneofCase.Registration => fact with
            {
                Register = source.Registration.Register,
                Categories = [.. source.Registration.Categories],
                Since = Time(source.Registration.RegisteredSince, "registration.registered_since", ref faults),
            },
            V1.Fact.KindOneofCase.Objection => fact with { Organisation = source.Objection.Organisation },
            V1.Fact.KindOneofCase.Consent => Consent(fact, source.Consent, ref faults),
            V1.Fact.KindOneofCase.Relation => fact with
            {
                Organisation = source.Relation.Organisation,
                Relation = (RelationKind)Byte((int)source.Relation.Relation_),
                ProductGroup = source.Relation.ProductGroup,
                Since = Time(source.Relation.Since, "relation.since", ref faults),
                Until = Time(source.Relation.Until, "relation.until", ref faults),
                LastTransaction = Time(source.Relation.LastTransaction, "relation.last_transaction", ref faults),
                ObtainedAtSale = source.Relation.NumberObtainedAtSale,
                OptOutOffered = source.Relation.OptOutOffered,
            },
            V1.Fact.KindOneofCase.Subscriber => fact with { Subscriber = (SubscriberType)Byte((int)source.Subscriber.Type) },
            V1.Fact.KindOneofCase.PublishedForOffers => fact with { ProductGroup = source.PublishedForOffers.ProductGroup },
            V1.Fact.KindOneofCase.Attempt => Attempt(fact, source.Attempt, ref faults),
            V1.Fact.KindOneofCase.Refusal => fact with { Organisation = source.Refusal.Organisation },
            // A reassignment has no fields except its time.
            _ => fact,
        };
    }

    /// <summary>Returns the field that names the scope of a fact.</summary>
    internal static string ScopeField(V1.Fact fact) => fact.KindCase switch
    {
        V1.Fact.KindOneofCase.Registration => "registration.register",
        V1.Fact.KindOneofCase.Objection => "objection.organisation",
        V1.Fact.KindOneofCase.Consent => fact.Consent.ProductGroup.Length == 0 ? "consent.organisation" : "consent.product_group",
        V1.Fact.KindOneofCase.Relation => fact.Relation.ProductGroup.Length == 0 ? "relation.organisation" : "relation.product_group",
        V1.Fact.KindOneofCase.PublishedForOffers => "published_for_offers.product_group",
        V1.Fact.KindOneofCase.Attempt => fact.Attempt.ProductGroup.Length == 0 ? "attempt.organisation" : "attempt.product_group",
        V1.Fact.KindOneofCase.Refusal => "refusal.organisation",
        _ => "kind",
    };

    private static Fact Attempt(Fact fact, V1.Attempt source, ref List<FieldFault>? faults)
    {
        if (source.ReservedUntil is not null)
        {
            FieldFaults.Add(ref faults, "attempt.reserved_until", "Set by the service only; to reserve a call, send reserve with Check.");
        }

        return fact with { Organisation = source.Organisation, ProductGroup = source.ProductGroup, Abandoned = source.Abandoned };
    }

    private static Fact Consent(Fact fact, V1.Consent source, ref List<FieldFault>? faults) => fact with
    {
        Organisation = source.Organisation,
        Purposes = [.. source.Purposes.Select(purpose => (Purpose)Byte((int)purpose))],
        ProductGroup = source.ProductGroup,
        Since = Time(source.Captured, "consent.captured", ref faults),
        Until = Time(source.Expires, "consent.expires", ref faults),
        Evidence = source.Evidence is { } e
            ? new Evidence(
                e.Reference,
                e.Sha256,
                e.TextVersion,
                e.Channel,
                e.Locale,
                Time(e.ClaimBy, "consent.evidence.claim_by", ref faults),
                Time(e.Claimed, "consent.evidence.claimed", ref faults))
            : null,
        Verified = source.Verified,
        FirstContactMonths = source.FirstContactMonths,
        InLedger = source.InLedger,
        Form = (ConsentForm)Byte((int)source.Form),
        Appointment = Time(source.Appointment, "consent.appointment", ref faults),
    };

    private static FactKind KindOf(V1.Fact.KindOneofCase kind) => kind switch
    {
        V1.Fact.KindOneofCase.Registration => FactKind.Registration,
        V1.Fact.KindOneofCase.Objection => FactKind.Objection,
        V1.Fact.KindOneofCase.Consent => FactKind.Consent,
        V1.Fact.KindOneofCase.Relation => FactKind.Relation,
        V1.Fact.KindOneofCase.Subscriber => FactKind.Subscriber,
        V1.Fact.KindOneofCase.PublishedForOffers => FactKind.PublishedForOffers,
        V1.Fact.KindOneofCase.Attempt => FactKind.Attempt,
        V1.Fact.KindOneofCase.Refusal => FactKind.Refusal,
        V1.Fact.KindOneofCase.Reassignment => FactKind.Reassignment,
        _ => FactKind.None,
    };

    // A value that does not fit a byte must stay unknown, not wrap to a known one.
    private static byte Byte(int value) => value is < 0 or > byte.MaxValue ? byte.MaxValue : (byte)value;

    private static DateTimeOffset? Time(Timestamp? value, string field, ref List<FieldFault>? faults) =>
        FieldFaults.Time(value, field, ref faults) is { } milliseconds ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds) : null;
}
