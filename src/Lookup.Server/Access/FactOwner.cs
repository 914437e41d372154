using Lookup.Core;
using Lookup.Core.Facts;
using Kind = Lookup.V1.Fact.KindOneofCase;

namespace Lookup.Server.Access;

/// <summary>Whose a fact is.</summary>
internal static class FactOwner
{
    /// <summary>
    /// The organisation that a fact is of; "*" where it concerns all: registrations, objections to all, kinds of subscribers,
    /// numbers published for offers, and reassignments. Empty where it names none that could be granted.
    /// </summary>
    internal static string Of(V1.Fact fact) => fact.KindCase switch
    {
        Kind.Objection => fact.Objection.Organisation,
        Kind.Consent => fact.Consent.Organisation,
        Kind.Relation => fact.Relation.Organisation,
        Kind.Attempt => fact.Attempt.Organisation,
        Kind.Refusal => fact.Refusal.Organisation,
        _ => Scope.AllName,
    };

    /// <summary>The field that names it.</summary>
    internal static string FieldOf(V1.Fact fact) => fact.KindCase switch
    {
        Kind.Objection => "objection.organisation",
        Kind.Consent => "consent.organisation",
        Kind.Relation => "relation.organisation",
        Kind.Attempt => "attempt.organisation",
        Kind.Refusal => "refusal.organisation",
        _ => "kind",
    };

    /// <summary>Whether a stored fact concerns all.</summary>
    internal static bool ConcernsAll(FactId id) =>
        id.Scope == Scope.All || id.Kind is FactKind.Registration or FactKind.Subscriber or FactKind.PublishedForOffers;
}
