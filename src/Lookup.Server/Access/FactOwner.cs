using Lookup.Core;
using Lookup.Core.Facts;
using Kind = Lookup.V1.Fact.KindOneofCase;

namespace Lookup.Server.Access;

/// <summary>Determines the organisation that a fact belongs to.</summary>
internal static class FactOwner
{
    /// <summary>
    /// Returns the organisation of a fact; "*" if it concerns all: registrations, objections to all, subscriber types, numbers
    /// published for offers, and reassignments. Empty if the fact names none.
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

    /// <summary>Returns the field that names the organisation.</summary>
    internal static string FieldOf(V1.Fact fact) => fact.KindCase switch
    {
        Kind.Objection => "objection.organisation",
        Kind.Consent => "consent.organisation",
        Kind.Relation => "relation.organisation",
        Kind.Attempt => "attempt.organisation",
        Kind.Refusal => "refusal.organisation",
        _ => "kind",
    };

    /// <summary>Returns whether a stored fact concerns all organisations.</summary>
    internal static bool ConcernsAll(FactId id) =>
        id.Scope == Scope.All || id.Kind is FactKind.Registration or FactKind.Subscriber or FactKind.PublishedForOffers;
}
