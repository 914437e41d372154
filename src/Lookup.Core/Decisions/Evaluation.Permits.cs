using System.Numerics;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;

namespace Lookup.Core.Decisions;

/// <summary>Whether a fact lifts a rule.</summary>
internal enum Lift : byte
{
    No,
    Yes,
    CannotTell,
}

/// <content>The facts that lift a rule: consents, relations, publication.</content>
internal ref partial struct Evaluation<TTrace>
{
    // No law says how close to the agreed time a call must be. This is policy, and part of what an appointment means.
    private const long AppointmentEarlyMs = 15 * LocalTime.MinuteMs;
    private const long AppointmentLateMs = 15 * LocalTime.MinuteMs;

    private Lift Lifted(Rule rule, long threshold, bool partial)
    {
        _trace.Notes?.Clear();
        var cannotTell = false;
        foreach (var permit in rule.Unless)
        {
            if ((permit.Subscribers & _subscribers) != _subscribers || (permit.PartialOnly && !partial))
            {
                continue;
            }

            var until = long.MaxValue;
            var code = ReasonCode.None;
            var lift = permit.By switch
            {
                PermitBy.Consent when permit.IsAppointment => ByAppointment(permit, threshold, ref until, ref code),
                PermitBy.Consent => ByConsent(permit, threshold, ref until, ref code),
                PermitBy.Relation => ByRelation(permit, threshold, ref until, ref code),
                _ => ByPublication(ref code),
            };
            if (lift == Lift.Yes && _reassignmentUnknown)
            {
                lift = Lift.CannotTell;
            }

            if (lift == Lift.Yes)
            {
                LimitValidity(until);
                if (_permit is null || rule.Type == RuleType.Permission)
                {
                    (_permitCode, _permit) = (code, permit.Text);
                }

                return Lift.Yes;
            }

            cannotTell |= lift == Lift.CannotTell;
        }

        if (cannotTell)
        {
            Undetermined(rule, "A fact that could lift this rule cannot be read, or its history does not reach back to the call time.");
            return Lift.CannotTell;
        }

        return Lift.No;
    }

    private Lift ByConsent(Permit permit, long threshold, ref long until, ref ReasonCode code)
    {
        code = ReasonCode.Consent;
        var cannotTell = false;
        var hasAny = Find(Slot.ConsentAny, FactKind.Consent, out var any, out var anyStanding, ref cannotTell);
        var hasGroup = Find(Slot.ConsentGroup, FactKind.Consent, out var group, out var groupStanding, ref cannotTell);
        var hasSpelled = Find(Slot.ConsentSpelled, FactKind.Consent, out var spelled, out var spelledStanding, ref cannotTell);
        if (cannotTell)
        {
            return Lift.CannotTell;
        }

        // Withdrawing the general consent also withdraws older consents for a product group. A withdrawal for the group, in any spelling,
        // withdraws an older general consent for it.
        var spelledBack = hasSpelled && spelled.Withdrawn ? spelledStanding : long.MinValue;
        var groupBack = Math.Max(spelledBack, hasAny && any.Withdrawn ? anyStanding : long.MinValue);
        var anyBack = Math.Max(spelledBack, hasGroup && group.Withdrawn ? groupStanding : long.MinValue);
        return (hasGroup && ConsentCounts(permit, group, groupStanding, groupStanding <= groupBack, permit.Later && groupStanding <= threshold, ref until))
            || (hasAny && ConsentCounts(permit, any, anyStanding, anyStanding <= anyBack, permit.Later && anyStanding <= threshold, ref until))
            ? Lift.Yes
            : Lift.No;
    }

    private Lift ByAppointment(Permit permit, long threshold, ref long until, ref ReasonCode code)
    {
        code = ReasonCode.Consent;
        var cannotTell = false;
        var counts = AppointmentCounts(permit, Slot.AppointmentGroup, threshold, ref until, ref cannotTell)
            || AppointmentCounts(permit, Slot.AppointmentAny, threshold, ref until, ref cannotTell);
        return cannotTell ? Lift.CannotTell : counts ? Lift.Yes : Lift.No;
    }

    private bool AppointmentCounts(Permit permit, int slot, long threshold, ref long until, ref bool cannotTell)
    {
        if (!Find(slot, FactKind.Consent, out var appointment, out var standing, ref cannotTell))
        {
            return false;
        }

        var takenBack = WasTakenBack(Slot.ConsentAny, standing, ref cannotTell)
            || WasTakenBack(Slot.ConsentGroup, standing, ref cannotTell)
            || WasTakenBack(Slot.ConsentSpelled, standing, ref cannotTell);
        return !cannotTell
            && ConsentCounts(permit, appointment, standing, takenBack, permit.Later && standing <= threshold, ref until)
            && IsAppointmentNow(permit, appointment, ref until);
    }

    private bool IsAppointmentNow(Permit permit, in FactEntry appointment, ref long until)
    {
        var end = appointment.Since + AppointmentLateMs;
        until = Math.Min(until, end);
        return (appointment.Since != 0 && _q.CallTime >= appointment.Since - AppointmentEarlyMs && _q.CallTime < end)
            || Fail(ref _consentFailure, ReasonCode.OutsideAppointment, permit.Text);
    }

    // Giving the general consent again does not restore appointments from before its withdrawal.
    private bool WasTakenBack(int slot, long standing, ref bool cannotTell)
    {
        var value = _bySlot[slot];
        if (value.IsNull)
        {
            return false;
        }

        Span<FactEntry> entries = stackalloc FactEntry[Timeline.MaxEntries];
        var count = Timeline.Read(FactKind.Consent, value.Span, entries, out var cut);
        _unreadable |= count < 0;
        cannotTell |= count < 0;
        for (var i = 0; i < count; i++)
        {
            // A withdrawal counts from the later of its effective time and its recording.
            if (entries[i].Withdrawn && VersionsInEffect.WasKnown(FactKind.Consent, entries[i], _q.KnownAt)
                && Math.Max(entries[i].Effective, (entries[i].Recorded * 1_000L) + 999) >= standing)
            {
                return true;
            }
        }

        // Dropped versions lie between the two oldest that are kept.
        cannotTell |= cut && entries[count - 2].Effective >= standing;
        return false;
    }

    private bool ConsentCounts(Permit permit, in FactEntry consent, long standing, bool takenBack, bool isTooEarly, ref long until)
    {
        if (_trace.On)
        {
            _trace.Note(Wording.Consent(consent, _zone));
        }

        if (consent.Withdrawn || takenBack)
        {
            return Fail(ref _consentFailure, ReasonCode.ConsentWithdrawn, permit.Text);
        }

        if (_q.CallTime >= consent.Until)
        {
            return Fail(ref _consentFailure, ReasonCode.ConsentExpired, permit.Text);
        }

        if ((consent.Marks & FactMarks.Evidence) == 0)
        {
            return Fail(ref _consentFailure, ReasonCode.ConsentWithoutEvidence, permit.Text);
        }

        if (permit.InLedger && (consent.Marks & FactMarks.InLedger) == 0)
        {
            return Fail(ref _consentFailure, ReasonCode.ConsentNotInLedger, permit.Text);
        }

        if ((permit.NeedsForm & (1 << (int)consent.Form)) == 0)
        {
            return Fail(ref _consentFailure, ReasonCode.ConsentFormInsufficient, permit.Text);
        }

        if (isTooEarly)
        {
            return false;
        }

        until = consent.Until;
        foreach (var limit in permit.Limits)
        {
            if (IsBinding(limit) && limit.NeedsForm != 0 && (limit.NeedsForm & (1 << (int)consent.Form)) == 0)
            {
                return Fail(ref _consentFailure, ReasonCode.ConsentFormInsufficient, limit.Text);
            }

            var bindsAge = limit.MonthsFromCapture > 0 && (!limit.OpenEnded || consent.Until == FactEntry.Open);
            if (IsBinding(limit) && bindsAge && !IsYoungEnough(limit, consent, ref until))
            {
                return Fail(ref _consentFailure, ReasonCode.ConsentExpired, limit.Text);
            }

            if (IsBinding(limit) && limit.FirstContactMonths > 0 && !FirstContactInTime(limit, consent, ref until))
            {
                return Fail(ref _consentFailure, ReasonCode.FirstContactTooLate, limit.Text);
            }
        }

        return IsOfThisSubscriber(standing, ref _consentFailure);
    }

    // Checked last: a consent that does not count for another reason is not reported as voided by the reassignment.
    private bool IsOfThisSubscriber(long standing, ref Reason failure)
    {
        if (standing > _reassigned)
        {
            return true;
        }

        _voided = true;
        return Fail(ref failure, ReasonCode.NumberReassigned, _rules.Reassigned);
    }

    // Half-open like every validity: the consent no longer counts on the day of the same date.
    private readonly bool IsYoungEnough(Limit limit, in FactEntry consent, ref long until)
    {
        var firstDayAfter = LocalTime.AddMonths(LocalTime.Day(consent.Effective, _zone), limit.MonthsFromCapture);
        until = Math.Min(until, LocalTime.Instant(firstDayAfter, 0, _zone));
        return _today < firstDayAfter;
    }

    private readonly bool FirstContactInTime(Limit limit, in FactEntry consent, ref long until)
    {
        var term = consent.FirstContactMonths == 0 ? limit.FirstContactMonths : consent.FirstContactMonths;
        var lastDay = LocalTime.AddMonths(LocalTime.Day(consent.Effective, _zone), term);
        foreach (var at in _q.PlacedCalls ?? [])
        {
            if (at >= consent.Effective && LocalTime.Day(at, _zone) <= lastDay)
            {
                return true;
            }
        }

        var value = _bySlot[Slot.AttemptsOwn];
        if (!value.IsNull)
        {
            Span<FactEntry> entries = stackalloc FactEntry[Timeline.MaxEntries];
            var count = Timeline.Read(FactKind.Attempt, value.Span, entries, out _);
            for (var i = 0; i < count; i++)
            {
                // A reserved call that was not reported as placed is no contact yet.
                var at = entries[i].Effective;
                if (at >= consent.Effective && at <= _q.CallTime && VersionsInEffect.WasKnown(FactKind.Attempt, entries[i], _q.KnownAt) && !entries[i].Withdrawn && entries[i].Until == FactEntry.Open && LocalTime.Day(at, _zone) <= lastDay)
                {
                    return true;
                }
            }
        }

        until = Math.Min(until, LocalTime.Instant(lastDay + 1, 0, _zone));
        return _today <= lastDay;
    }

    private Lift ByRelation(Permit permit, long threshold, ref long until, ref ReasonCode code)
    {
        code = ReasonCode.Relation;
        var cannotTell = false;
        for (var left = permit.Relations; left != 0; left &= left - 1)
        {
            var kind = BitOperations.TrailingZeroCount(left) - (int)RelationKind.Customer;
            var isDoubtful = false;
            if (Find(Slot.FirstRelation + kind, FactKind.Relation, out var relation, out var standing, ref isDoubtful)
                && !relation.Withdrawn
                && relation.Start <= _q.CallTime
                && relation.Start < permit.BegunBefore
                && (!permit.Later || Math.Min(relation.Start, standing) > threshold)
                && !EndsEarlier(kind, standing, ref relation, ref isDoubtful)
                && RelationCounts(permit, relation, ref until)
                && IsOfThisSubscriber(Math.Min(relation.Start, standing), ref _relationFailure))
            {
                return Lift.Yes;
            }

            cannotTell |= isDoubtful;
        }

        return cannotTell ? Lift.CannotTell : Lift.No;
    }

    // A relation for a product group ends by what was recorded later, or of the same time, under another spelling of the group, and by
    // withdrawing the relation without a group. True if it was withdrawn, or if that cannot be told.
    private bool EndsEarlier(int kind, long standing, ref FactEntry relation, ref bool isDoubtful)
    {
        var isWithdrawn = Find(Slot.FirstRelationAny + kind, FactKind.Relation, out var any, out var anyStanding, ref isDoubtful)
            && any.Withdrawn && anyStanding >= standing;
        if (Find(Slot.FirstRelationEnded + kind, FactKind.Relation, out var ended, out var endedStanding, ref isDoubtful) && endedStanding >= standing)
        {
            isWithdrawn |= ended.Withdrawn;
            relation = relation with { Until = Math.Min(relation.Until, ended.Until) };
        }

        return isWithdrawn || isDoubtful;
    }

    private bool RelationCounts(Permit permit, in FactEntry relation, ref long until)
    {
        if (_trace.On)
        {
            _trace.Note(Wording.Relation(relation, _zone));
        }

        if ((permit.Sectors & (1 << _sector)) == 0)
        {
            return Fail(ref _relationFailure, ReasonCode.RelationNotForSector, permit.Text);
        }

        if ((relation.Marks & permit.Needs) != permit.Needs)
        {
            return Fail(ref _relationFailure, ReasonCode.RelationConditionMissing, permit.Text);
        }

        var ended = relation.Until <= _q.CallTime;
        if (permit.Running)
        {
            until = relation.Until;
            if (ended)
            {
                return Fail(ref _relationFailure, ReasonCode.RelationEnded, permit.Text);
            }
        }

        if (permit.MonthsFromLast > 0 && !Within(permit.MonthsFromLast, LastOf(relation, ended), ref until))
        {
            return Fail(ref _relationFailure, ReasonCode.RelationEnded, permit.Text);
        }

        foreach (var limit in permit.Limits)
        {
            if (IsBinding(limit) && limit.MonthsAfterEnd > 0 && ended && !Within(limit.MonthsAfterEnd, relation.Until, ref until))
            {
                return Fail(ref _relationFailure, ReasonCode.RelationEnded, limit.Text);
            }
        }

        return true;
    }

    // The last transaction known at the call time, otherwise the end or the start.
    private readonly long LastOf(in FactEntry relation, bool ended) =>
        relation.LastTransaction == 0 ? ended ? relation.Until : relation.Start
        : relation.LastTransaction <= _q.CallTime ? relation.LastTransaction
        : relation.Start;

    // Up to and including the day of the same date that many months later.
    private readonly bool Within(int months, long from, ref long until)
    {
        var lastDay = LocalTime.AddMonths(LocalTime.Day(from, _zone), months);
        until = Math.Min(until, LocalTime.Instant(lastDay + 1, 0, _zone));
        return _today <= lastDay;
    }

    private Lift ByPublication(ref ReasonCode code)
    {
        code = ReasonCode.PublishedForOffers;
        var cannotTell = false;
        var failure = default(Reason);
        var hasGroup = Find(Slot.PublishedGroup, FactKind.PublishedForOffers, out var group, out var groupStanding, ref cannotTell);
        var hasAny = Find(Slot.PublishedAny, FactKind.PublishedForOffers, out var any, out var anyStanding, ref cannotTell);
        var hasSpelled = Find(Slot.PublishedSpelled, FactKind.PublishedForOffers, out var spelled, out var spelledStanding, ref cannotTell);
        if (cannotTell)
        {
            return Lift.CannotTell;
        }

        // As with consents: a withdrawal ends what was published before it, for the group in any spelling and in general.
        var spelledBack = hasSpelled && spelled.Withdrawn ? spelledStanding : long.MinValue;
        var groupBack = Math.Max(spelledBack, hasAny && any.Withdrawn ? anyStanding : long.MinValue);
        var anyBack = Math.Max(spelledBack, hasGroup && group.Withdrawn ? groupStanding : long.MinValue);
        var published = (hasGroup && !group.Withdrawn && groupStanding > groupBack && IsOfThisSubscriber(groupStanding, ref failure))
            || (hasAny && !any.Withdrawn && anyStanding > anyBack && IsOfThisSubscriber(anyStanding, ref failure));
        if (published)
        {
            _trace.Note("The number is published for offers");
        }

        return published ? Lift.Yes : Lift.No;
    }

    private readonly bool IsBinding(Limit limit) => ((int)_q.Layers & (1 << (int)limit.Text.Layer)) != 0;

    // Keeps the first failure, which belongs to the closest candidate.
    private static bool Fail(ref Reason failure, ReasonCode code, RuleText text)
    {
        if (failure.Code == ReasonCode.None)
        {
            failure = new Reason(code, text);
        }

        return false;
    }
}
