using Lookup.Core.Numbers;

namespace Lookup.Core.Facts;

/// <summary>
/// A record about a number as users state it, with names and texts. Fields that do not belong to the kind are ignored.
/// <see cref="FactExpander"/> checks it and turns it into stored facts.
/// </summary>
public sealed record Fact
{
    /// <summary>The number.</summary>
    public required PhoneNumber Number { get; init; }

    /// <summary>Kind of the fact.</summary>
    public required FactKind Kind { get; init; }

    /// <summary>
    /// When it takes effect, from 1990 to five minutes from now; facts that forbid may state a time up to 2200. Null means
    /// <see cref="Since"/>, except for a withdrawal. Facts that can permit a call need one of the two; others take effect when recorded.
    /// </summary>
    public DateTimeOffset? Effective { get; init; }

    /// <summary>Whether the fact is withdrawn as of <see cref="Effective"/>.</summary>
    public bool Withdrawn { get; init; }

    /// <summary>
    /// Whether the fact can permit a call but states no time, and is therefore rejected: recorded again, it would count as newer than
    /// objections recorded in between.
    /// </summary>
    public bool LacksTime => FactRules.CanPermit(this) && !StatesTime;

    /// <summary>Whether the fact states when it takes effect; otherwise it does so when it is recorded.</summary>
    public bool StatesTime => FactRules.StatedTimeOf(this) is not null;

    /// <summary>The origin of the record; 1 to 256 characters.</summary>
    public required string Source { get; init; }

    /// <summary>The person or system that recorded it; up to 256 characters.</summary>
    public string Actor { get; init; } = "";

    /// <summary>The reason for recording it; up to 1,024 characters.</summary>
    public string Reason { get; init; } = "";

    /// <summary>Objection ("*" for all), consent, relation, attempt, refusal: name of the organisation.</summary>
    public string Organisation { get; init; } = "";

    /// <summary>Registration: name of the register.</summary>
    public string Register { get; init; } = "";

    /// <summary>Registration: blocked categories as the register names them; empty blocks all.</summary>
    public IReadOnlyList<string> Categories { get; init; } = [];

    /// <summary>Consent: its purposes. A withdrawal without purposes withdraws all of them.</summary>
    public IReadOnlyList<Purpose> Purposes { get; init; } = [];

    /// <summary>Consent, relation, published for offers, attempt: the product group, or empty.</summary>
    public string ProductGroup { get; init; } = "";

    /// <summary>Attempt: whether the call was answered, but no person spoke.</summary>
    public bool Abandoned { get; init; }

    /// <summary>Relation: its kind.</summary>
    public RelationKind Relation { get; init; }

    /// <summary>Subscriber: the type.</summary>
    public SubscriberType Subscriber { get; init; }

    /// <summary>Registration: when it was made. Consent: when it was captured. Relation: when it started.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Consent: when it expires. Relation: when it ended. Null: no end.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>
    /// Relation: the last transaction, from <see cref="Since"/> to <see cref="Until"/>. Null: no transaction after the start is known.
    /// </summary>
    public DateTimeOffset? LastTransaction { get; init; }

    /// <summary>Consent: its proof. Without evidence the consent is stored but does not count.</summary>
    public Evidence? Evidence { get; init; }

    /// <summary>Consent: whether it was verified that the user of the number gave it.</summary>
    public bool Verified { get; init; }

    /// <summary>Consent: whether it is in the prescribed register of consents.</summary>
    public bool InLedger { get; init; }

    /// <summary>Relation: whether the number was obtained in the sale, gift or event.</summary>
    public bool ObtainedAtSale { get; init; }

    /// <summary>Relation: whether the subscriber could refuse calls when the number was collected.</summary>
    public bool OptOutOffered { get; init; }

    /// <summary>Consent: the stated term for the first contact in months, 1 to 120; 0 for none.</summary>
    public int FirstContactMonths { get; init; }

    /// <summary>Consent: its form. Withdrawing an appointment withdraws only appointments; any other withdrawal withdraws all forms.</summary>
    public ConsentForm Form { get; init; }

    /// <summary>Consent that is an appointment: the agreed time, after <see cref="Since"/>; null for other forms.</summary>
    public DateTimeOffset? Appointment { get; init; }
}

/// <summary>Proof of a consent.</summary>
/// <param name="Reference">Where it can be found; 1 to 512 characters.</param>
/// <param name="Sha256">64 hexadecimal digits, or empty.</param>
/// <param name="TextVersion">Version of the text agreed to; up to 64 characters.</param>
/// <param name="Channel">For example "web"; up to 64 characters.</param>
/// <param name="Locale">Language of the text, BCP 47; up to 64 characters.</param>
/// <param name="ClaimBy">A third party's certificate: until when it can be claimed. Null: there is nothing to claim.</param>
/// <param name="Claimed">When the certificate was claimed. Null: not yet.</param>
public sealed record Evidence(
    string Reference, string Sha256 = "", string TextVersion = "", string Channel = "", string Locale = "", DateTimeOffset? ClaimBy = null,
    DateTimeOffset? Claimed = null)
{
    /// <summary>Whether the certificate still has to be claimed, or can no longer be.</summary>
    public bool IsUnclaimed => ClaimBy is not null && Claimed is null;

    /// <summary>Returns this evidence with what was recorded about it later.</summary>
    internal Evidence With(Evidence later) => later.Reference != Reference ? later : new Evidence(
        Reference,
        Latest(Sha256, later.Sha256),
        Latest(TextVersion, later.TextVersion),
        Latest(Channel, later.Channel),
        Latest(Locale, later.Locale),
        later.ClaimBy ?? ClaimBy,
        later.Claimed ?? Claimed);

    private static string Latest(string before, string later) => later.Length > 0 ? later : before;
}

/// <summary>An invalid field and the reason.</summary>
/// <param name="Field">Path as in lookup.v1.Fact, for example "consent.purposes".</param>
/// <param name="Description">A sentence for the sender.</param>
public readonly record struct FieldFault(string Field, string Description);

/// <summary>A fact in its stored form.</summary>
/// <param name="Key">Pseudonym of the number.</param>
/// <param name="Id">The timeline of the number that it belongs to.</param>
/// <param name="Entry">The version.</param>
/// <param name="ScopeName">The name that was hashed to the scope of <paramref name="Id"/>, for the registry of names.</param>
/// <param name="Detail">Texts that decisions never read, see <see cref="FactDetail"/>; null for none.</param>
public readonly record struct StoredFact(NumberPseudonym Key, FactId Id, FactEntry Entry, string ScopeName, string? Detail);

/// <summary>Looks up registers and their categories.</summary>
public interface IRegisterCatalog
{
    /// <summary>Finds a register by name.</summary>
    /// <param name="categories">Its categories, at most 32; the position of each is its bit in stored facts.</param>
    public bool TryGetRegister(string name, out IReadOnlyList<string> categories);

    /// <summary>Returns the name of the register with this scope; null if there is none.</summary>
    public string? RegisterOf(ulong scope) => null;

    /// <summary>Returns the calling codes of the numbers that the register of this name can protect; null if they are not known.</summary>
    public IReadOnlyCollection<int>? CallingCodesOf(string register) => null;
}
