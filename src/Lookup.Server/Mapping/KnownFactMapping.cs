using Google.Protobuf.WellKnownTypes;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;
using Lookup.Server.Errors;

namespace Lookup.Server.Mapping;

/// <summary>Maps one stored entry to a fact of the contract.</summary>
internal static class KnownFactMapping
{
    /// <summary>Writes an entry. Consents are returned per purpose, as they are stored.</summary>
    /// <param name="id">The timeline's id.</param>
    /// <param name="entry">The stored entry.</param>
    /// <param name="scope">Name of the scope: "organisation", "organisation/group", a register, a group, "*" or empty.</param>
    /// <param name="regimes">Define the categories of registers.</param>
    internal static V1.Fact Map(FactId id, in FactEntry entry, string scope, RegimeSet regimes)
    {
        var slash = scope.IndexOf('/', StringComparison.Ordinal);
        var organisation = slash < 0 ? scope : scope[..slash];
        var group = slash < 0 ? "" : scope[(slash + 1)..];
        var fact = new V1.Fact { Effective = FieldFaults.ToTimestamp(entry.Effective), Withdrawn = entry.Withdrawn };
        switch (id.Kind)
        {
            case FactKind.Registration:
                fact.Registration = new V1.Registration { Register = scope, Categories = { Categories(scope, entry.Categories, regimes) } };
                break;
            case FactKind.Objection:
                fact.Objection = new V1.Objection { Organisation = scope };
                break;
            case FactKind.Consent:
                fact.Consent = new V1.Consent
                {
                    Organisation = organisation,
                    ProductGroup = group,
                    Purposes = { (V1.Purpose)(id.Detail & ~FactId.Appointment) },
                    Captured = FieldFaults.ToTimestamp(entry.Effective),
                    Expires = Until(entry),
                    Verified = entry.Marks.HasFlag(FactMarks.Verified),
                    InLedger = entry.Marks.HasFlag(FactMarks.InLedger),
                    FirstContactMonths = entry.FirstContactMonths,

                    // A withdrawn consent keeps none of its content except that it is an appointment.
                    Form = (id.Detail & FactId.Appointment) != 0 ? V1.ConsentForm.Appointment : (V1.ConsentForm)entry.Form,
                    Appointment = entry.Since == 0 ? null : FieldFaults.ToTimestamp(entry.Since),
                };
                break;
            case FactKind.Relation:
                fact.Relation = new V1.Relation
                {
                    Organisation = organisation,
                    ProductGroup = group,
                    Relation_ = (V1.RelationKind)(id.Detail & ~FactId.Ended),
                    Since = FieldFaults.ToTimestamp(entry.Start),
                    Until = Until(entry),
                    LastTransaction = entry.LastTransaction == 0 ? null : FieldFaults.ToTimestamp(entry.LastTransaction),
                    NumberObtainedAtSale = entry.Marks.HasFlag(FactMarks.ObtainedAtSale),
                    OptOutOffered = entry.Marks.HasFlag(FactMarks.OptOutOffered),
                };
                break;
            case FactKind.Subscriber:
                fact.Subscriber = new V1.Subscriber { Type = (V1.SubscriberType)entry.Subscriber };
                break;
            case FactKind.PublishedForOffers:
                fact.PublishedForOffers = new V1.PublishedForOffers { ProductGroup = scope };
                break;
            case FactKind.Attempt:
                fact.Attempt = new V1.Attempt
                {
                    Organisation = organisation,
                    ProductGroup = group,
                    ReservedUntil = Until(entry),
                    Abandoned = id.Detail == FactId.Abandoned,
                };
                break;
            case FactKind.Refusal:
                fact.Refusal = new V1.Refusal { Organisation = scope };
                break;
            case FactKind.Reassignment:
                fact.Reassignment = new V1.Reassignment();
                break;
        }

        return fact;
    }

    private static Timestamp? Until(in FactEntry entry) =>
        entry.Until == FactEntry.Open ? null : FieldFaults.ToTimestamp(entry.Until);

    private static IEnumerable<string> Categories(string register, uint bits, RegimeSet regimes)
    {
        var definition = regimes.Registers.FirstOrDefault(r => r.Name == register);
        return definition is null ? [] : definition.Categories.Where((_, i) => (bits & (1u << i)) != 0);
    }

    /// <summary>Adds reason and evidence from the details hash. Omits unreadable details; no decision uses them.</summary>
    internal static void AddDetail(V1.KnownFact known, string detail)
    {
        if (!FactDetail.TryRead(detail, out var reason, out var evidence, out var earlier))
        {
            return;
        }

        known.Fact.Reason = reason;
        if (known.Fact.Consent is { } consent && evidence is not null)
        {
            consent.Evidence = ToProto(evidence);
            known.EarlierEvidence.AddRange(earlier.Select(ToProto));
        }
    }

    private static V1.Evidence ToProto(Evidence evidence) => new()
    {
        Reference = evidence.Reference,
        Sha256 = evidence.Sha256,
        TextVersion = evidence.TextVersion,
        Channel = evidence.Channel,
        Locale = evidence.Locale,
        ClaimBy = evidence.ClaimBy is { } by ? Timestamp.FromDateTimeOffset(by) : null,
        Claimed = evidence.Claimed is { } claimed ? Timestamp.FromDateTimeOffset(claimed) : null,
    };
}
