using Lookup.Core.Facts;
using Lookup.Core.Regimes;

namespace Lookup.Core.Decisions;

/// <content>The rules that look at facts.</content>
internal ref partial struct Evaluation<TTrace>
{
    private readonly bool IsFreshRequest(Rule rule) =>
        _kind == CallKind.Requested
        && IsRequestedAfter(0)
        && _today - LocalTime.Day(_q.RequestedAt, _zone) <= rule.RequestedDays;

    // A request of an earlier subscriber asks for nothing.
    private readonly bool IsRequestedAfter(long time) =>
        _q.RequestedAt > Math.Max(time, _reassigned) && _q.RequestedAt <= _q.CallTime && !_reassignmentUnknown;

    private void ApplyObjections(Rule rule)
    {
        var cannotTell = false;
        var objected = long.MinValue;
        var stated = long.MinValue;
        if (Find(Slot.ObjectionOwn, FactKind.Objection, out var own, out var standing, ref cannotTell) && !own.Withdrawn)
        {
            (objected, stated) = (standing, own.Effective);
        }

        if (Find(Slot.ObjectionAll, FactKind.Objection, out var all, out standing, ref cannotTell) && !all.Withdrawn)
        {
            (objected, stated) = (Math.Max(objected, standing), Math.Max(stated, all.Effective));
        }

        if (cannotTell)
        {
            Undetermined(rule, "The history of objections does not reach back to the call time, or cannot be read.");
        }
        else if (objected == long.MinValue)
        {
            Trace(rule, "nothing found", "No objection.");
        }
        else if (_kind == CallKind.Requested && IsRequestedAfter(objected))
        {
            Trace(rule, "lifted", Say("Objected on {0}, but asked for this call later.", stated));
        }
        else
        {
            ForbidUnless(rule, ReasonCode.Objection, objected, Say("Objected on {0}.", stated));
        }
    }

    private void ApplyRefusal(Rule rule, int index)
    {
        var cannotTell = false;
        if (!Find(Slot.Refusal, FactKind.Refusal, out var refusal, out var standing, ref cannotTell) || refusal.Withdrawn)
        {
            if (cannotTell)
            {
                Undetermined(rule, "The history of refusals does not reach back to the call time, or cannot be read.");
            }
            else
            {
                Trace(rule, "nothing found", "No refusal.");
            }
        }
        else if (rule.PauseDays == 0)
        {
            ForbidUnless(rule, ReasonCode.Refusal, standing, Say("Refused for good on {0}.", refusal.Effective));
        }
        else
        {
            _timeRules |= 1UL << index;
            if (RefusalOver(rule, refusal) > _q.CallTime)
            {
                ForbidUnless(
                    rule, ReasonCode.Refusal, standing, Say("Refused on {0}; the pause is not over.", refusal.Effective), byTime: true);
            }
            else
            {
                Trace(rule, "nothing found", Say("Refused on {0}; the pause is over.", refusal.Effective));
            }
        }
    }

    // So many full calendar days lie between the day of the refusal and the next call.
    private readonly long RefusalOver(Rule rule, in FactEntry refusal) =>
        LocalTime.Instant(LocalTime.Day(refusal.Effective, _zone) + rule.PauseDays + 1, 0, _zone);

    private void ApplyRegister(Rule rule)
    {
        var cannotTell = false;
        var loaded = _snapshots.TryNewest(rule.Register!.Index, _q.CallTime, out var snapshot);
        // What a snapshot takes back permits only once that snapshot is loaded.
        var found = Find(
            Slot.FirstRegister + rule.RegisterSlot, FactKind.Registration, out var entry, out var standing, ref cannotTell,
            loaded ? snapshot : long.MinValue);
        var registered = found && !entry.Withdrawn;
        // A registration that is not known yet, or of unknown date, may be newer than any consent.
        var threshold = registered ? standing : long.MaxValue;
        switch (Lifted(rule, threshold, partial: registered && entry.Categories != 0))
        {
            case Lift.Yes:
                Trace(rule, "lifted", registered ? Say("Registered on {0}.", entry.Effective) : "Need not be asked.");
                return;
            case Lift.CannotTell:
                return;
        }

        if (cannotTell)
        {
            Undetermined(rule, "The history of the registration does not reach back to the call time, or cannot be read.");
            return;
        }

        if (registered && Blocks(rule, entry))
        {
            return;
        }

        if (!loaded && rule.Register.IsOptional && (_q.Layers & Layers.Strict) == 0)
        {
            Trace(rule, "nothing found", "Not registered; no snapshot of the register is loaded, and it is optional.");
        }
        else if (!loaded)
        {
            _notCovered ??= rule.SnapshotText ?? rule.Text;
            Trace(rule, "not covered", "No snapshot of the register is loaded for this time.");
        }
        else if (rule.SnapshotMaxAgeDays > 0 && _today - LocalTime.Day(snapshot, _zone) > rule.SnapshotMaxAgeDays)
        {
            Forbid(rule, ReasonCode.RegisterStale, rule.SnapshotText!, Say("The snapshot is of {0}, too old.", snapshot));
        }
        else
        {
            if (rule.SnapshotMaxAgeDays > 0)
            {
                Bound(LocalTime.Instant(LocalTime.Day(snapshot, _zone) + rule.SnapshotMaxAgeDays + 1, 0, _zone));
            }

            Trace(rule, "nothing found", registered ? Say("Registered on {0}, not against this call.", entry.Effective) : "Not registered.");
        }
    }

    private static bool FromSnapshot(in FactEntry entry) => (entry.Marks & FactMarks.Snapshot) != 0;

    private bool Blocks(Rule rule, in FactEntry entry)
    {
        if (!IsAgainst(rule, entry))
        {
            return false;
        }

        // A snapshot does not tell since when a number has been registered, so no grace is counted on.
        var days = FromSnapshot(entry) ? int.MaxValue : Math.Max(0, _today - LocalTime.Day(RegisteredSince(rule, entry), _zone));
        var blocks = false;
        foreach (var effect in rule.Effects)
        {
            if (((int)_q.Layers & (1 << (int)effect.Text.Layer)) == 0)
            {
                continue;
            }

            if (days >= effect.AfterDays)
            {
                Forbid(rule, ReasonCode.Registered, effect.Text, Say("On the register since {0}.", entry.Effective));
                blocks = true;
            }
            else
            {
                Bound(LocalTime.Instant(_today - days + effect.AfterDays, 0, _zone));
            }
        }

        return blocks;
    }

    // A registration that is made again does not begin its grace again.
    private readonly long RegisteredSince(Rule rule, in FactEntry entry)
    {
        var value = _bySlot[Slot.FirstRegister + rule.RegisterSlot];
        var since = entry.Effective;
        while (true)
        {
            switch (Timeline.TryAsOf(FactKind.Registration, value.Span, since - 1, out var before))
            {
                case AsOf.Found when !before.Withdrawn && IsAgainst(rule, before) && !FromSnapshot(before):
                    since = before.Effective;
                    break;
                case AsOf.Found when !before.Withdrawn && IsAgainst(rule, before):
                case AsOf.Cut:
                    return LocalTime.Instant(0, 0, _zone);
                default:
                    return since;
            }
        }
    }

    private readonly bool IsAgainst(Rule rule, in FactEntry entry) =>
        entry.Categories == 0 || (entry.Categories & rule.Register!.OfferMask(_q.Purpose, _q.GroupName)) != 0;

    private void ApplyPermission(Rule rule)
    {
        _consentFailure = default;
        _relationFailure = default;
        switch (Lifted(rule, long.MinValue, partial: false))
        {
            case Lift.Yes:
                Trace(rule, "permits", "");
                return;
            case Lift.CannotTell:
                return;
        }

        if (_consentFailure.Code == ReasonCode.None && _relationFailure.Code == ReasonCode.None)
        {
            Forbid(rule, ReasonCode.NoConsent, rule.Text, "Neither consent nor anything else that permits.");
            return;
        }

        if (_consentFailure.Code != ReasonCode.None)
        {
            Forbid(rule, _consentFailure.Code, _consentFailure.Text, "There is a consent, but it does not count.");
        }

        if (_relationFailure.Code != ReasonCode.None)
        {
            Forbid(rule, _relationFailure.Code, _relationFailure.Text, "There is a relation, but it does not count.");
        }
    }

    private void Bound(long until) => _permitUntil = Math.Min(_permitUntil, until);

    private readonly string Say(string format, long at) =>
        _trace.On ? string.Format(null, format, Wording.Time(at, _zone)) : "";
}
