using Lookup.Core.Numbers;

namespace Lookup.Core.Facts;

/// <summary>
/// One record about a number as users state it, in names and texts. Which fields count depends on the kind; those of
/// other kinds are ignored. <see cref="FactExpander"/> checks it and turns it into what is stored.
/// </summary>
public sealed record Fact
{
    /// <summary>The number.</summary>
    public required PhoneNumber Number { get; init; }

    /// <summary>Kind of the fact.</summary>
    public required FactKind Kind { get; init; }

    /// <summary>
    /// When it took effect: from 1990 to five minutes from now; for what forbids, to 2200. Null: <see cref="Since"/>, but not
    /// for a withdrawal. What can permit a call needs one of them. What forbids needs none and then takes effect when it is recorded.
    /// </summary>
    public DateTimeOffset? Effective { get; init; }

    /// <summary>The fact is taken back as of <see cref="Effective"/>.</summary>
    public bool Withdrawn { get; init; }

    /// <summary>
    /// It can permit a call and states no time, so it is refused: recorded again, it would otherwise count as newer than the
    /// objections that were recorded meanwhile.
    /// </summary>
    public bool LacksTime => FactRules.CanPermit(this) && FactRules.StatedTimeOf(this) is null;

    /// <summary>Where the record comes from; 1 to 256 characters.</summary>
    public required string Source { get; init; }

    /// <summary>Who recorded it; up to 256 characters.</summary>
    public string Actor { get; init; } = "";

    /// <summary>Why; up to 1,024 characters.</summary>
    public string Reason { get; init; } = "";

    /// <summary>Objection ("*" for all), consent, relation, attempt, refusal: name of the organisation.</summary>
    public string Organisation { get; init; } = "";

    /// <summary>Registration: name of the register.</summary>
    public string Register { get; init; } = "";

    /// <summary>Registration: blocked categories in the register's words; none: all.</summary>
    public IReadOnlyList<string> Categories { get; init; } = [];

    /// <summary>Consent: what for; a withdrawal without purposes takes all of them back.</summary>
    public IReadOnlyList<Purpose> Purposes { get; init; } = [];

    /// <summary>Consent, relation, published for offers, attempt: the product group, or empty.</summary>
    public string ProductGroup { get; init; } = "";

    /// <summary>Relation: its kind.</summary>
    public RelationKind Relation { get; init; }

    /// <summary>Subscriber: the type.</summary>
    public SubscriberType Subscriber { get; init; }

    /// <summary>Registration: registered since. Consent: captured. Relation: since.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Consent: expires. Relation: ended. Null: open.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>Relation: the last transaction, from <see cref="Since"/> to <see cref="Until"/>. Null: none after the begin is known.</summary>
    public DateTimeOffset? LastTransaction { get; init; }

    /// <summary>Consent: what shows it. Without it the consent is kept but does not count.</summary>
    public Evidence? Evidence { get; init; }

    /// <summary>Consent: checked that it comes from the number's user.</summary>
    public bool Verified { get; init; }

    /// <summary>Consent: stands in the prescribed register of consents.</summary>
    public bool InLedger { get; init; }

    /// <summary>Relation: the number was obtained in the sale, gift or event.</summary>
    public bool ObtainedAtSale { get; init; }

    /// <summary>Relation: a way to refuse calls was offered at collection.</summary>
    public bool OptOutOffered { get; init; }

    /// <summary>Consent: named term for the first contact in months, 0 to 120; 0 for none.</summary>
    public int FirstContactMonths { get; init; }

    /// <summary>Consent: its form. A withdrawal of an appointment takes back only that, any other takes back all.</summary>
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
public sealed record Evidence(
    string Reference, string Sha256 = "", string TextVersion = "", string Channel = "", string Locale = "");

/// <summary>A field that is wrong, and why.</summary>
/// <param name="Field">Path as in lookup.v1.Fact, for example "consent.purposes".</param>
/// <param name="Description">A sentence for the one who sent it.</param>
public readonly record struct FieldFault(string Field, string Description);

/// <summary>A fact as it is stored.</summary>
/// <param name="Key">Pseudonym of the number.</param>
/// <param name="Id">Which timeline of the number.</param>
/// <param name="Entry">The version.</param>
/// <param name="ScopeName">The name behind the scope of <paramref name="Id"/>, for the registry of names.</param>
/// <param name="Detail">Texts that decisions never read, see <see cref="FactDetail"/>; null for none.</param>
public readonly record struct StoredFact(NumberPseudonym Key, FactId Id, FactEntry Entry, string ScopeName, string? Detail);

/// <summary>Knows the registers and their categories.</summary>
public interface IRegisterCatalog
{
    /// <summary>Finds a register by name.</summary>
    /// <param name="name">Name of the register.</param>
    /// <param name="categories">Its categories, at most 32; the position of each is its bit in stored facts.</param>
    public bool TryGetRegister(string name, out IReadOnlyList<string> categories);

    /// <summary>The register that has a scope; null where none has it.</summary>
    /// <param name="scope">The scope.</param>
    public string? RegisterOf(ulong scope) => null;
}
