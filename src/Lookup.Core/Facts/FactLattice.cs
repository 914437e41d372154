// For: joining two versions that claim the same effective time.
//
// Each kind is a lattice whose upper side forbids more, and the join of two versions is their least upper bound: it forbids whatever
// either forbids and permits only what both permit. That is stricter than letting one version win. Of two registrations on the same
// day, one for energy and one for telephony, both count; of two consents, one without a form and one that expires earlier, the join
// has no form and expires earlier. The side decides first (withdrawn or not, consumer or not), then each field on its own; source
// and recording time come from the version recorded first. An ordinal sum and products of semilattices are semilattices, so joins are
// commutative, associative and idempotent.
//
// Evidence of a consent is the exception: it is not a condition but the proof, and often reaches the store after the consent. The join has
// evidence if one version has, and then counts as recorded when the first version with evidence was.
//
// Reference: B. A. Davey, H. A. Priestley, "Introduction to Lattices and Order", chapters 1 and 2.
namespace Lookup.Core.Facts;

internal static class FactLattice
{
    public static FactEntry Join(FactKind kind, in FactEntry a, in FactEntry b)
    {
        // A join with a shared version is shared as well.
        var shared = a.Shared || b.Shared || !FactSource.IsSameClaimant(a.Source, b.Source);
        if (SideOf(kind, a).CompareTo(SideOf(kind, b)) is not 0 and var order)
        {
            return (order > 0 ? a : b) with { Shared = shared };
        }

        var proof = kind == FactKind.Consent ? (a.Marks | b.Marks) & FactMarks.Evidence : 0;
        var first = ((a.Marks & proof) != proof, a.Recorded, a.Source).CompareTo(((b.Marks & proof) != proof, b.Recorded, b.Source)) <= 0 ? a : b;
        return Normalise(kind, a with
        {
            Recorded = first.Recorded,
            Source = first.Source,
            Shared = shared,
            // No categories means all are blocked.
            Categories = a.Categories == 0 || b.Categories == 0 ? 0 : a.Categories | b.Categories,
            // Conditions permit, so only those that both meet remain. The snapshot mark makes a registration stricter, so it remains.
            Marks = kind == FactKind.Registration ? a.Marks | b.Marks : (a.Marks & b.Marks) | proof,
            // An attempt forbids, and a placed attempt forbids for longer than a reserved one.
            Until = kind == FactKind.Attempt ? Math.Max(a.Until, b.Until) : Math.Min(a.Until, b.Until),
            // Two appointments at different times permit neither.
            Since = kind != FactKind.Consent ? Math.Min(a.Start, b.Start) : a.Since == b.Since ? a.Since : 0,
            Form = RankOf(a.Form) <= RankOf(b.Form) ? a.Form : b.Form,
            LastTransaction = Math.Min(a.Last, b.Last),
            FirstContactMonths = Math.Min(a.FirstContactMonths, b.FirstContactMonths),
            // Ordered by protection: unknown, consumer, sole trader, legal person.
            Subscriber = (SubscriberType)Math.Min((byte)a.Subscriber, (byte)b.Subscriber),
        });
    }

    // Forms ordered by what they satisfy. A rule that accepts a form accepts those above it, and no rule requires a spoken consent, so the
    // lowest form permits only what every other form permits. The exception is an appointment, which permits one call.
    private static int RankOf(ConsentForm form) => form switch
    {
        ConsentForm.Appointment => 0,
        ConsentForm.OralRecorded => 1,
        ConsentForm.Unspecified => 2,
        ConsentForm.Written => 3,
        _ => 4,
    };

    // The greater side forbids more. A consumer is protected more than a subscriber of unknown type.
    private static int SideOf(FactKind kind, in FactEntry entry) =>
        entry.Withdrawn == WithdrawalForbids(kind) ? 1
        : kind == FactKind.Subscriber && entry.Subscriber <= SubscriberType.Consumer ? 2
        : 0;

    /// <summary>Returns whether withdrawing the fact forbids more than the fact itself.</summary>
    public static bool WithdrawalForbids(FactKind kind) => kind switch
    {
        FactKind.Registration or FactKind.Objection or FactKind.Attempt or FactKind.Refusal or FactKind.Reassignment => false,
        _ => true,
    };

    /// <summary>Returns the entry with only the fields of its kind, so that equal facts are equal entries.</summary>
    public static FactEntry Normalise(FactKind kind, in FactEntry entry)
    {
        var common = new FactEntry
        {
            Effective = entry.Effective,
            Recorded = entry.Recorded,
            Source = entry.Source,
            Shared = entry.Shared,
            Withdrawn = entry.Withdrawn,
        };
        return kind switch
        {
            FactKind.Registration => common with { Categories = entry.Categories, Marks = OfKind(kind, entry.Marks) },
            FactKind.Consent => common with
            {
                Until = entry.Until,
                Marks = OfKind(kind, entry.Marks),
                FirstContactMonths = entry.FirstContactMonths,
                Form = entry.Form,
                Since = entry.Form == ConsentForm.Appointment && entry.Since != entry.Effective ? entry.Since : 0,
            },
            FactKind.Relation => common with
            {
                Until = entry.Until,
                Since = entry.Since == entry.Effective ? 0 : entry.Since,
                LastTransaction = entry.LastTransaction > entry.Start ? entry.LastTransaction : 0,
                Marks = OfKind(kind, entry.Marks),
            },
            FactKind.Attempt => common with { Until = entry.Until },
            FactKind.Subscriber => common with { Subscriber = entry.Subscriber },
            _ => common,
        };
    }

    // Undefined bits are left for the format to reject.
    private static FactMarks OfKind(FactKind kind, FactMarks marks) =>
        marks & (TimelineFormat.MarksOf(kind) | ~TimelineFormat.AllMarks);
}
