namespace Lookup.Core.Facts;

/// <summary>Kinds of facts. The values are stored; never renumber. At most 15.</summary>
public enum FactKind : byte
{
    /// <summary>Not a fact.</summary>
    None = 0,
    /// <summary>On a do-not-call register; scope: the register.</summary>
    Registration = 1,
    /// <summary>Objection to calls; scope: an organisation or all.</summary>
    Objection = 2,
    /// <summary>Consent; detail: <see cref="Purpose"/>; scope: organisation and product group (or none).</summary>
    Consent = 3,
    /// <summary>Relation; detail: <see cref="RelationKind"/>; scope: organisation and product group.</summary>
    Relation = 4,
    /// <summary>Type of the subscriber; scope: all.</summary>
    Subscriber = 5,
    /// <summary>Made public to be called with offers; scope: product group or none.</summary>
    PublishedForOffers = 6,
    /// <summary>
    /// A call was placed; scope: organisation, and again organisation and product group, or without one the organisation with detail
    /// <see cref="FactId.Unlabelled"/>.
    /// </summary>
    Attempt = 7,
    /// <summary>Refused in a call; scope: an organisation.</summary>
    Refusal = 8,
    /// <summary>The number was given to another subscriber, or permanently disconnected; scope: all.</summary>
    Reassignment = 9,
}

/// <summary>Purposes of a call. The values are those of lookup.v1.Purpose and are stored. At most 15.</summary>
public enum Purpose : byte
{
    /// <summary>Not stated.</summary>
    None = 0,
    /// <summary>Selling.</summary>
    Commercial = 1,
    /// <summary>Asking for gifts.</summary>
    Charity = 2,
    /// <summary>For a party or a cause.</summary>
    Political = 3,
    /// <summary>Research.</summary>
    Survey = 4,
    /// <summary>About a running contract.</summary>
    Service = 5,
}

/// <summary>Kinds of relations. The values are those of lookup.v1.RelationKind and are stored. At most 15.</summary>
public enum RelationKind : byte
{
    /// <summary>Not stated.</summary>
    None = 0,
    /// <summary>Bought something.</summary>
    Customer = 1,
    /// <summary>Gave something.</summary>
    Donor = 2,
    /// <summary>Works for it without pay.</summary>
    Volunteer = 3,
    /// <summary>Attended an event.</summary>
    Attendee = 4,
    /// <summary>Asked or applied, without a purchase.</summary>
    Inquiry = 5,
}

/// <summary>Who is called. The values are those of lookup.v1.SubscriberType and are stored.</summary>
public enum SubscriberType : byte
{
    /// <summary>Not known; protected like a consumer.</summary>
    Unknown = 0,
    /// <summary>A consumer.</summary>
    Consumer = 1,
    /// <summary>A sole trader or partnership: natural persons in law.</summary>
    SoleTrader = 2,
    /// <summary>A legal person.</summary>
    LegalPerson = 3,
}
