namespace Lookup.Core.Facts;

/// <summary>
/// One version of a fact. The fields beyond the common ones belong to the kinds named; elsewhere they keep their
/// defaults. Times are Unix milliseconds unless said otherwise, 0 to 2^47.
/// </summary>
public readonly record struct FactEntry
{
    /// <summary>"Until" of something that has no end.</summary>
    public const long Open = long.MaxValue;

    /// <summary>Makes an open entry.</summary>
    public FactEntry()
    {
    }

    /// <summary>When it took effect.</summary>
    public long Effective { get; init; }

    /// <summary>When it was recorded, in Unix seconds.</summary>
    public uint Recorded { get; init; }

    /// <summary>Number of its source in the store's registry of sources.</summary>
    public uint Source { get; init; }

    /// <summary>
    /// Several sources assert this version and one of them is an import: what each asserts is kept as
    /// <see cref="FactClaims"/>, so that an import can be reverted.
    /// </summary>
    public bool Shared { get; init; }

    /// <summary>As of <see cref="Effective"/> the fact no longer holds.</summary>
    public bool Withdrawn { get; init; }

    /// <summary>
    /// Consent: expires at this instant. Relation: ended at this instant. Attempt: the call is reserved, and counts up to this
    /// instant if it is not told by then that it was placed.
    /// </summary>
    public long Until { get; init; } = Open;

    /// <summary>Relation: begin; elsewhere unused. 0 stands for <see cref="Effective"/>.</summary>
    public long Since { get; init; }

    /// <summary>Relation: the last transaction, if it is later than the begin; 0 for none.</summary>
    public long LastTransaction { get; init; }

    /// <summary>Registration: bits of the blocked categories in the register's order; 0 blocks all.</summary>
    public uint Categories { get; init; }

    /// <summary>Consent and relation: conditions that are met. Registration: whether a snapshot brought it.</summary>
    public FactMarks Marks { get; init; }

    /// <summary>Consent: named term for the first contact in months, 0 to 120; 0 for none.</summary>
    public byte FirstContactMonths { get; init; }

    /// <summary>Subscriber: the type.</summary>
    public SubscriberType Subscriber { get; init; }

    /// <summary>Begin of a relation.</summary>
    public long Begin => Since == 0 ? Effective : Since;

    /// <summary>The last moment of a relation that is known, its end aside.</summary>
    public long Last => Math.Max(LastTransaction, Begin);
}

/// <summary>Conditions that a consent or a relation meets, and how a registration came. The values are stored.</summary>
[Flags]
public enum FactMarks : byte
{
    /// <summary>None.</summary>
    None = 0,
    /// <summary>Consent: evidence is referred to.</summary>
    Evidence = 1,
    /// <summary>Consent: checked that it comes from the number's user.</summary>
    Verified = 2,
    /// <summary>Consent: stands in the prescribed register of consents.</summary>
    InLedger = 4,
    /// <summary>Relation: the number was obtained in the sale, gift or event.</summary>
    ObtainedAtSale = 8,
    /// <summary>Relation: a way to refuse calls was offered at collection.</summary>
    OptOutOffered = 16,
    /// <summary>
    /// Registration: found by comparing two snapshots of the register, effective at the date of the newer one. The day of
    /// the registration is not known, and what it takes back counts only once that snapshot is loaded as a whole.
    /// </summary>
    Snapshot = 32,
}
