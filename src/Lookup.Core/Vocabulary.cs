using Lookup.Core.Facts;

namespace Lookup.Core;

/// <summary>Kinds of facts. The values are stored; never renumber. At most 15.</summary>
public enum FactKind : byte
{
    /// <summary>Not a fact.</summary>
    None = 0,
    /// <summary>Listed on a do-not-call register; scope: the register.</summary>
    Registration = 1,
    /// <summary>Objection to calls; scope: an organisation or all.</summary>
    Objection = 2,
    /// <summary>
    /// Consent; detail: <see cref="Purpose"/>, for appointments combined with <see cref="FactId.Appointment"/>; scope: the organisation and
    /// its product group, if any.
    /// </summary>
    Consent = 3,
    /// <summary>
    /// Relation; detail: <see cref="RelationKind"/>; scope: organisation and product group. Its end is stored a second time, with the detail
    /// combined with <see cref="FactId.Ended"/>.
    /// </summary>
    Relation = 4,
    /// <summary>Type of the subscriber; scope: all.</summary>
    Subscriber = 5,
    /// <summary>Published to receive offers; scope: the product group, if any.</summary>
    PublishedForOffers = 6,
    /// <summary>
    /// A placed call. Stored twice: with scope organisation, and with scope organisation and product group; without a group, the second has
    /// scope organisation and detail <see cref="FactId.Unlabelled"/>. An abandoned call is stored a third time, with scope organisation and
    /// detail <see cref="FactId.Abandoned"/>.
    /// </summary>
    Attempt = 7,
    /// <summary>Refused during a call; scope: an organisation.</summary>
    Refusal = 8,
    /// <summary>The number was assigned to another subscriber or permanently disconnected; scope: all.</summary>
    Reassignment = 9,
}

/// <summary>Purposes of a call. The values are those of lookup.v1.Purpose and are stored. At most 15.</summary>
public enum Purpose : byte
{
    /// <summary>Not stated.</summary>
    None = 0,
    /// <summary>Sales.</summary>
    Commercial = 1,
    /// <summary>Fundraising.</summary>
    Charity = 2,
    /// <summary>For a party or a cause.</summary>
    Political = 3,
    /// <summary>Research.</summary>
    Survey = 4,
    /// <summary>About an existing contract.</summary>
    Service = 5,
}

/// <summary>Kinds of relations. The values are those of lookup.v1.RelationKind and are stored. At most 15.</summary>
public enum RelationKind : byte
{
    /// <summary>Not stated.</summary>
    None = 0,
    /// <summary>Bought something.</summary>
    Customer = 1,
    /// <summary>Donated.</summary>
    Donor = 2,
    /// <summary>Works for the organisation without pay.</summary>
    Volunteer = 3,
    /// <summary>Attended an event.</summary>
    Attendee = 4,
    /// <summary>Inquired or applied, without a purchase.</summary>
    Inquiry = 5,
}

/// <summary>How a consent was given. The values are those of lookup.v1.ConsentForm and are stored.</summary>
public enum ConsentForm : byte
{
    /// <summary>Not stated.</summary>
    Unspecified = 0,
    /// <summary>Spoken and recorded.</summary>
    OralRecorded = 1,
    /// <summary>In writing.</summary>
    Written = 2,
    /// <summary>In writing and signed.</summary>
    Signed = 3,
    /// <summary>To one call at a stated time.</summary>
    Appointment = 4,
}

/// <summary>Type of the subscriber. The values are those of lookup.v1.SubscriberType and are stored.</summary>
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

/// <summary>Kind of a call. The values are those of lookup.v1.CallKind.</summary>
public enum CallKind : byte
{
    /// <summary>Not stated; treated as marketing.</summary>
    Unspecified = 0,
    /// <summary>An offer.</summary>
    Marketing = 1,
    /// <summary>Requested by the subscriber.</summary>
    Requested = 2,
    /// <summary>About an existing contract, without promotion.</summary>
    Service = 3,
    /// <summary>Research, without promotion.</summary>
    Research = 4,
}

/// <summary>Sector of an organisation. The values are those of lookup.v1.Sector.</summary>
public enum Sector : byte
{
    /// <summary>Not stated; treated as other.</summary>
    Unspecified = 0,
    /// <summary>Any other sector.</summary>
    Other = 1,
    /// <summary>Charity, other non-profit organisation or political party.</summary>
    IdealOrCharity = 2,
    /// <summary>Charity lottery.</summary>
    CharityLottery = 3,
    /// <summary>Publisher of newspapers or magazines.</summary>
    PressPublisher = 4,
    /// <summary>Authorised financial firm, or trustee or manager of a pension scheme.</summary>
    PensionProvider = 5,
}

/// <summary>How a call is dialled, from the least to the most automated. The values are those of lookup.v1.DiallingMode.</summary>
public enum DiallingMode : byte
{
    /// <summary>Not stated; treated as predictive, as policy.</summary>
    Unspecified = 0,
    /// <summary>A person dials or taps each number.</summary>
    Manual = 1,
    /// <summary>A person releases each call.</summary>
    Preview = 2,
    /// <summary>A system selects the numbers and dials them.</summary>
    Predictive = 3,
    /// <summary>No human takes part.</summary>
    NoHuman = 4,
}

/// <summary>Type of the called line. The values are those of lookup.v1.LineType.</summary>
public enum LineType : byte
{
    /// <summary>Not stated; a rule for one type binds it, as policy.</summary>
    Unspecified = 0,
    /// <summary>Fixed.</summary>
    Landline = 1,
    /// <summary>Mobile.</summary>
    Mobile = 2,
}

/// <summary>Layers of rules. The values are those of lookup.v1.Layer.</summary>
public enum Layer : byte
{
    /// <summary>None.</summary>
    None = 0,
    /// <summary>Statute or decree; always binds.</summary>
    Law = 1,
    /// <summary>Code of conduct.</summary>
    Code = 2,
    /// <summary>The service's own stricter rule.</summary>
    Policy = 3,
    /// <summary>Policy that is off unless switched on.</summary>
    Strict = 4,
}

/// <summary>Set of layers that bind an organisation.</summary>
[Flags]
public enum Layers : byte
{
    /// <summary>Only the law.</summary>
    Law = 1 << Layer.Law,
    /// <summary>Codes of conduct.</summary>
    Code = 1 << Layer.Code,
    /// <summary>The service's policy.</summary>
    Policy = 1 << Layer.Policy,
    /// <summary>Stricter policy.</summary>
    Strict = 1 << Layer.Strict,
    /// <summary>The layers that bind an organisation by default.</summary>
    Default = Law | Code | Policy,
}

/// <summary>The answer. The values are those of lookup.v1.Verdict. Only <see cref="Allow"/> permits a call.</summary>
public enum Verdict : byte
{
    /// <summary>Not decided; never an answer.</summary>
    None = 0,
    /// <summary>Permitted.</summary>
    Allow = 1,
    /// <summary>Forbidden.</summary>
    Deny = 2,
    /// <summary>Cannot be determined.</summary>
    Unknown = 3,
    /// <summary>No regime applies, or a register is not loaded.</summary>
    NotCovered = 4,
}

/// <summary>Reasons for a verdict. The values are those of lookup.v1.ReasonCode, which documents each, and are stable.</summary>
#pragma warning disable CS1591 // Documented in the contract.
public enum ReasonCode : byte
{
    None = 0,
    NothingForbids = 1,
    Consent = 2,
    Relation = 3,
    PublishedForOffers = 4,
    LegalPerson = 5,
    Requested = 6,
    ServiceCall = 7,
    Research = 8,
    OrganisationNotKnown = 9,
    ForbiddenRange = 20,
    Objection = 21,
    Refusal = 22,
    Registered = 23,
    RegisterStale = 24,
    NoConsent = 25,
    ConsentWithdrawn = 26,
    ConsentExpired = 27,
    ConsentWithoutEvidence = 28,
    ConsentNotInLedger = 29,
    FirstContactTooLate = 30,
    RelationEnded = 31,
    RelationConditionMissing = 32,
    RelationNotForSector = 33,
    CallerNumberWithheld = 34,
    AutomatedWithoutConsent = 35,
    ProductGroupBanned = 36,
    OutsideHours = 37,
    Holiday = 38,
    TooManyAttempts = 39,
    ConsentFormInsufficient = 40,
    OutsideAppointment = 41,
    CallerNumberNotAllowed = 42,
    NumberReassigned = 45,
    ProductGroupNotNamed = 46,
    NumberBlocked = 47,
    NoRegime = 60,
    RegisterNotLoaded = 61,
    StoreUnavailable = 80,
    HistoryCut = 81,
    NotFresh = 82,
    InvalidNumber = 83,
    RecordUnreadable = 84,
}
#pragma warning restore CS1591
