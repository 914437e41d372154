namespace Lookup.Core.Facts;

/// <summary>
/// One version of a fact. Fields marked with kinds belong to those kinds and keep their defaults elsewhere. Times are Unix milliseconds,
/// 0 to 2^47, unless stated otherwise.
/// </summary>
public readonly record struct FactEntry
{
    /// <summary><see cref="Until"/> of a fact without an end.</summary>
    public const long Open = long.MaxValue;

    /// <summary>Makes an open entry.</summary>
    public FactEntry()
    {
    }

    /// <summary>When it took effect.</summary>
    public long Effective { get; init; }

    /// <summary>When it was recorded, in Unix seconds.</summary>
    public uint Recorded { get; init; }

    /// <summary>The number of its source in the store's registry of sources.</summary>
    public uint Source { get; init; }

    /// <summary>
    /// Whether several sources assert this version, one of them an import: <see cref="FactClaims"/> then stores what each asserts, so that
    /// the import can be reverted.
    /// </summary>
    public bool Shared { get; init; }

    /// <summary>Whether the fact no longer holds as of <see cref="Effective"/>.</summary>
    public bool Withdrawn { get; init; }

    /// <summary>
    /// Consent: when it expires. Relation: when it ended. Attempt: set if the call is only reserved; it counts until this time unless it is
    /// reported as placed by then.
    /// </summary>
    public long Until { get; init; } = Open;

    /// <summary>
    /// Relation: its start; 0 means <see cref="Effective"/>. Appointment: the agreed time; 0 for one that permits nothing. Unused
    /// elsewhere.
    /// </summary>
    public long Since { get; init; }

    /// <summary>Relation: the last transaction, if it is later than the start; 0 for none.</summary>
    public long LastTransaction { get; init; }

    /// <summary>Registration: bits of the blocked categories in the order of the register; 0 blocks all.</summary>
    public uint Categories { get; init; }

    /// <summary>Consent and relation: the conditions that are met. Registration: whether it comes from a snapshot.</summary>
    public FactMarks Marks { get; init; }

    /// <summary>Consent: the stated term for the first contact in months, 1 to 120; 0 for none.</summary>
    public byte FirstContactMonths { get; init; }

    /// <summary>Consent: its form.</summary>
    public ConsentForm Form { get; init; }

    /// <summary>Subscriber: the type.</summary>
    public SubscriberType Subscriber { get; init; }

    /// <summary>Start of a relation.</summary>
    public long Start => Since == 0 ? Effective : Since;

    /// <summary>The last known moment of a relation, its end aside.</summary>
    public long Last => Math.Max(LastTransaction, Start);
}

/// <summary>Conditions that a consent or relation meets, and the origin of a registration. The values are stored.</summary>
[Flags]
public enum FactMarks : byte
{
    /// <summary>None.</summary>
    None = 0,
    /// <summary>Consent: it refers to evidence.</summary>
    Evidence = 1,
    /// <summary>Consent: it was verified that the user of the number gave it.</summary>
    Verified = 2,
    /// <summary>Consent: it is in the prescribed register of consents.</summary>
    InLedger = 4,
    /// <summary>Relation: the number was obtained in the sale, gift or event.</summary>
    ObtainedAtSale = 8,
    /// <summary>Relation: the subscriber could refuse calls when the number was collected.</summary>
    OptOutOffered = 16,
    /// <summary>
    /// Registration: found by comparing two snapshots of the register; effective at the date of the newer one. The day of the registration
    /// is unknown, and a removal counts only once the newer snapshot is fully loaded.
    /// </summary>
    Snapshot = 32,
}
