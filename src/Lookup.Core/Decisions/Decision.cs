namespace Lookup.Core.Decisions;

/// <summary>The answer. The values are those of lookup.v1.Verdict. Only <see cref="Allow"/> permits a call.</summary>
public enum Verdict : byte
{
    /// <summary>Not decided; never an answer.</summary>
    None = 0,
    /// <summary>Permitted.</summary>
    Allow = 1,
    /// <summary>Forbidden.</summary>
    Deny = 2,
    /// <summary>Cannot tell.</summary>
    Unknown = 3,
    /// <summary>No regime or no loaded register.</summary>
    NotCovered = 4,
}

/// <summary>
/// Why. The values are those of lookup.v1.ReasonCode, which documents each, and are stable.
/// </summary>
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
    NoRegime = 60,
    RegisterNotLoaded = 61,
    StoreUnavailable = 80,
    HistoryCut = 81,
    NotFresh = 82,
    InvalidNumber = 83,
    RecordUnreadable = 84,
}
#pragma warning restore CS1591
