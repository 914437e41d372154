using System.Numerics;
using System.Runtime.CompilerServices;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;

namespace Lookup.Core.Decisions;

/// <summary>
/// Decides whether a call is permitted: a pure function of rules, question and facts. It reads no clock, does no I/O and allocates
/// nothing except for the explanation.
/// <para>
/// First <see cref="Plan"/> names the timelines to read, then <see cref="Decide"/> decides on what was read. Each rule of the regime
/// can only forbid, and a fact can only lift a rule that names it. Therefore an added objection, or a fact that is missing or cannot
/// be read, never turns a verdict into ALLOW.
/// </para>
/// </summary>
public static class Decider
{
    /// <summary>The number of slots: the length of the spans that <see cref="Plan"/> and <see cref="Decide"/> use.</summary>
    public const int Slots = Slot.Count;

    private const ulong Attempts = (1UL << Slot.AttemptsOwn) | (1UL << Slot.AttemptsGroup) | (1UL << Slot.AttemptsUnlabelled);

    private const ulong OfGroup =
        (1UL << Slot.ConsentGroup) | (1UL << Slot.PublishedGroup) | (1UL << Slot.AttemptsGroup) | (1UL << Slot.AttemptsSpelled)
        | (1UL << Slot.AppointmentGroup) | (1UL << Slot.ConsentSpelled) | (1UL << Slot.PublishedSpelled)
        | (31UL << Slot.FirstRelationEnded) | (31UL << Slot.FirstRelationAny);

    private const ulong Spelled = (1UL << Slot.AttemptsSpelled) | (1UL << Slot.ConsentSpelled) | (1UL << Slot.PublishedSpelled);

    private static readonly RuleText NoRegime =
        new(Layer.Policy, RuleText.OwnPolicy, "No regime is loaded for this country and time; calls that are not covered are not permitted.");

    /// <summary>Lists the timelines that the decision needs.</summary>
    /// <param name="ids">Receives the ids; at least <see cref="Slots"/> long.</param>
    /// <param name="slots">Receives the slot of each id; at least <see cref="Slots"/> long.</param>
    /// <returns>The number of ids written.</returns>
    public static int Plan(Rules rules, in Question question, Span<FactId> ids, Span<byte> slots)
    {
        var count = 0;
        var wanted = Wanted(rules, question);
        if (question.OrganisationGroup == question.Organisation)
        {
            // Without a group, the organisation's timeline already holds the attempts without one; a reservation is written to both.
            wanted &= ~(question.Reserves ? OfGroup : OfGroup | (1UL << Slot.AttemptsUnlabelled));
        }
        else if ((wanted & Spelled) != 0 && SpelledOf(question) == question.OrganisationGroup)
        {
            wanted &= ~Spelled;
        }

        for (; wanted != 0; wanted &= wanted - 1)
        {
            var slot = BitOperations.TrailingZeroCount(wanted);
            ids[count] = IdOf(rules, question, slot);
            slots[count++] = (byte)slot;
        }

        return count;
    }

    /// <summary>Reuses values read for one version of the rules for another version of them.</summary>
    /// <param name="from">The rules that the values were read for; null if there were none.</param>
    /// <param name="to">The other rules.</param>
    /// <param name="question">The question, the same for both.</param>
    /// <param name="bySlot">The values read, as for <see cref="Decide"/>.</param>
    /// <param name="toBySlot">Receives the values for the other rules; <see cref="Slots"/> long and empty.</param>
    /// <param name="ids">Receives the timelines that the other rules need and that were not read, as <see cref="Plan"/> does.</param>
    /// <param name="slots">Receives their slots.</param>
    /// <returns>The number of timelines that were not read.</returns>
    public static int Carry(
        Rules? from,
        Rules to,
        in Question question,
        ReadOnlySpan<StoredValue> bySlot,
        Span<StoredValue> toBySlot,
        Span<FactId> ids,
        Span<byte> slots)
    {
        var count = Plan(to, question, ids, slots);
        var missing = 0;
        for (var i = 0; i < count; i++)
        {
            var slot = slots[i];
            if (SlotOf(from, question, ids[i], slot) is var known and >= 0)
            {
                toBySlot[slot] = bySlot[known];
            }
            else
            {
                (ids[missing], slots[missing]) = (ids[i], slot);
                missing++;
            }
        }

        return missing;
    }

    /// <summary>Decides whether the call is permitted.</summary>
    /// <param name="rules">The rules that apply; null if no regime is loaded.</param>
    /// <param name="bySlot">The stored timelines by slot; null values where nothing is stored.</param>
    /// <param name="snapshots">The loaded register snapshots.</param>
    public static Decision Decide(
        Rules? rules, in Question question, ReadOnlySpan<StoredValue> bySlot, RegisterSnapshots snapshots) =>
        rules is null
            ? DecideWithout(question)
            : new Evaluation<NoTrace>(rules, question, bySlot, snapshots, default).Run();

    /// <summary>Decides as <see cref="Decide"/> does and explains each step.</summary>
    public static Explanation Explain(
        Rules? rules, in Question question, ReadOnlySpan<StoredValue> bySlot, RegisterSnapshots snapshots)
    {
        if (rules is null)
        {
            var without = DecideWithout(question);
            return new Explanation(
                without, [], (without.Verdict == Verdict.Deny ? "DENY: " : "NOT COVERED: ") + without.ReasonAt(0).Text.Text);
        }

        var trace = new ListTrace();
        var decision = new Evaluation<ListTrace>(rules, question, bySlot, snapshots, trace).Run();
        return new Explanation(decision, trace.Steps, Wording.Explain(decision, question, trace.Steps));
    }

    // A block needs no regime.
    private static Decision DecideWithout(in Question question) => question.Block is { } block
        ? Decision.Without(Verdict.Deny, ReasonCode.NumberBlocked, Wording.TextOf(block).Text)
        : Decision.Without(Verdict.NotCovered, ReasonCode.NoRegime, NoRegime.Text);

    private static ulong SpelledOf(in Question question) =>
        question.SpelledGroup != 0 ? question.SpelledGroup : Scope.OfAnySpelling(question.OrganisationName, question.GroupName);

    // Bits of the slots that the rules, the organisation's own rules or a reservation need.
    private static ulong Wanted(Rules rules, in Question question) =>
        rules.Slots | (question.Own?.Slots ?? 0) | (question.Reserves ? Attempts : 0);

    /// <summary>Returns the slot of a timeline under other rules; -1 if those rules do not use it.</summary>
    private static int SlotOf(Rules? rules, in Question question, in FactId id, int slot)
    {
        if (rules is null)
        {
            return -1;
        }

        if (id.Kind != FactKind.Registration)
        {
            return (Wanted(rules, question) & (1UL << slot)) != 0 ? slot : -1;
        }

        // The slot of a register depends on the rules.
        for (var i = 0; i < rules.Registers.Length; i++)
        {
            if (rules.Registers[i].Scope == id.Scope)
            {
                return Slot.FirstRegister + i;
            }
        }

        return -1;
    }

    // Inlined, it writes an id in place. Returned in two registers, an id is stored in halves, and the read of the whole waits for both.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static FactId IdOf(Rules rules, in Question question, int slot) => slot switch
    {
        Slot.ObjectionOwn => new FactId(FactKind.Objection, 0, question.Organisation),
        Slot.ObjectionAll => new FactId(FactKind.Objection, 0, Scope.All),
        < Slot.ConsentGroup => new FactId(FactKind.Registration, 0, rules.Registers[slot - Slot.FirstRegister].Scope),
        Slot.ConsentGroup => new FactId(FactKind.Consent, (byte)question.Purpose, question.OrganisationGroup),
        Slot.ConsentAny => new FactId(FactKind.Consent, (byte)question.Purpose, question.Organisation),
        < Slot.Subscriber => new FactId(
            FactKind.Relation, (byte)((int)RelationKind.Customer + slot - Slot.FirstRelation), question.OrganisationGroup),
        Slot.Subscriber => new FactId(FactKind.Subscriber, 0, Scope.All),
        Slot.PublishedGroup => new FactId(FactKind.PublishedForOffers, 0, question.Group),
        Slot.PublishedAny => new FactId(FactKind.PublishedForOffers, 0, Scope.All),
        Slot.AttemptsOwn => new FactId(FactKind.Attempt, 0, question.Organisation),
        Slot.AttemptsGroup => new FactId(FactKind.Attempt, 0, SpelledOf(question)),
        Slot.AttemptsSpelled => new FactId(FactKind.Attempt, 0, question.OrganisationGroup),
        Slot.ConsentSpelled => new FactId(FactKind.Consent, (byte)question.Purpose, SpelledOf(question)),
        Slot.AppointmentGroup => new FactId(FactKind.Consent, (byte)((byte)question.Purpose | FactId.Appointment), question.OrganisationGroup),
        Slot.AppointmentAny => new FactId(FactKind.Consent, (byte)((byte)question.Purpose | FactId.Appointment), question.Organisation),
        Slot.AttemptsUnlabelled => new FactId(FactKind.Attempt, FactId.Unlabelled, question.Organisation),
        Slot.AttemptsAbandoned => new FactId(FactKind.Attempt, FactId.Abandoned, question.Organisation),
        Slot.Refusal => new FactId(FactKind.Refusal, 0, question.Organisation),
        >= Slot.FirstRelationEnded and < Slot.FirstRelationAny => new FactId(
            FactKind.Relation, (byte)(((int)RelationKind.Customer + slot - Slot.FirstRelationEnded) | FactId.Ended), SpelledOf(question)),
        >= Slot.FirstRelationAny and < Slot.PublishedSpelled => new FactId(
            FactKind.Relation, (byte)((int)RelationKind.Customer + slot - Slot.FirstRelationAny), question.Organisation),
        Slot.PublishedSpelled => new FactId(FactKind.PublishedForOffers, 0, Scope.OfAnySpelling(question.GroupName)),
        _ => new FactId(FactKind.Reassignment, 0, Scope.All),
    };
}
