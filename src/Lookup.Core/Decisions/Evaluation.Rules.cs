using Lookup.Core.Facts;
using Lookup.Core.Regimes;

namespace Lookup.Core.Decisions;

/// <content>The rules that look at facts.</content>
internal ref partial struct Evaluation<TTrace>
{
    private void LookAtObjections(Rule rule)
    {
        var cannotTell = false;
        var objected = long.MinValue;
        if (Find(Slot.ObjectionOwn, FactKind.Objection, out var own, ref cannotTell) && !own.Withdrawn)
        {
            objected = own.Effective;
        }

        if (Find(Slot.ObjectionAll, FactKind.Objection, out var all, ref cannotTell) && !all.Withdrawn)
        {
            objected = Math.Max(objected, all.Effective);
        }

        if (cannotTell)
        {
            CannotTell(rule, "The history of objections does not reach back to the call time, or cannot be read.");
        }
        else if (objected == long.MinValue)
        {
            Tell(rule, "nothing found", "No objection.");
        }
        else if (_kind == CallKind.Requested && _q.RequestedAt > objected && _q.RequestedAt <= _q.CallTime)
        {
            Tell(rule, "lifted", Say("Objected on {0}, but asked for this call later.", objected));
        }
        else
        {
            ForbidUnless(rule, ReasonCode.Objection, objected, Say("Objected on {0}.", objected));
        }
    }

    private void LookAtRefusal(Rule rule, int index)
    {
        var cannotTell = false;
        if (!Find(Slot.Refusal, FactKind.Refusal, out var refusal, ref cannotTell) || refusal.Withdrawn)
        {
            if (cannotTell)
            {
                CannotTell(rule, "The history of refusals does not reach back to the call time, or cannot be read.");
            }
            else
            {
                Tell(rule, "nothing found", "No refusal.");
            }
        }
        else if (rule.PauseDays == 0)
        {
            ForbidUnless(rule, ReasonCode.Refusal, refusal.Effective, Say("Refused for good on {0}.", refusal.Effective));
        }
        else
        {
            _timeRules |= 1UL << index;
            if (RefusalOver(rule, refusal) > _q.CallTime)
            {
                ForbidUnless(
                    rule, ReasonCode.Refusal, refusal.Effective, Say("Refused on {0}; the pause is not over.", refusal.Effective), byTime: true);
            }
            else
            {
                Tell(rule, "nothing found", Say("Refused on {0}; the pause is over.", refusal.Effective));
            }
        }
    }

    // So many full calendar days lie between the day of the refusal and the next call.
    private readonly long RefusalOver(Rule rule, in FactEntry refusal) =>
        LocalTime.Instant(LocalTime.Day(refusal.Effective, _zone) + rule.PauseDays + 1, 0, _zone);

    private void LookAtRegister(Rule rule)
    {
        var cannotTell = false;
        var found = Find(Slot.FirstRegister + rule.RegisterSlot, FactKind.Registration, out var entry, ref cannotTell);
        var registered = found && !entry.Withdrawn;
        // A registration of unknown date may be newer than any consent.
        var threshold = cannotTell ? long.MaxValue : registered ? entry.Effective : long.MinValue;
        switch (Lifted(rule, threshold, partial: registered && entry.Categories != 0))
        {
            case Lift.Yes:
                Tell(rule, "lifted", registered ? Say("Registered on {0}.", entry.Effective) : "Need not be asked.");
                return;
            case Lift.CannotTell:
                return;
        }

        if (cannotTell)
        {
            CannotTell(rule, "The history of the registration does not reach back to the call time, or cannot be read.");
            return;
        }

        if (registered && Blocks(rule, entry))
        {
            return;
        }

        if (!_snapshots.TryNewest(rule.Register!.Index, _q.CallTime, out var snapshot))
        {
            _notCovered ??= rule.SnapshotText ?? rule.Text;
            Tell(rule, "not covered", "No snapshot of the register is loaded for this time.");
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

            Tell(rule, "nothing found", registered ? Say("Registered on {0}, not against this call.", entry.Effective) : "Not registered.");
        }
    }

    private bool Blocks(Rule rule, in FactEntry entry)
    {
        if (entry.Categories != 0 && (entry.Categories & rule.Register!.OfferMask(_q.Purpose, _q.GroupName)) == 0)
        {
            return false;
        }

        var days = _today - LocalTime.Day(entry.Effective, _zone);
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

    private void LookAtPermission(Rule rule)
    {
        _consentFailure = default;
        _relationFailure = default;
        switch (Lifted(rule, long.MinValue, partial: false))
        {
            case Lift.Yes:
                Tell(rule, "permits", "");
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

    private void LookAtHours(Rule rule, int index)
    {
        var closed = false;
        var holiday = false;
        var openUntil = long.MaxValue;
        foreach (var zone in _rules.Zones)
        {
            if (rule.Hours!.IsOpen(_q.CallTime, zone, out var until, out var isHoliday))
            {
                openUntil = Math.Min(openUntil, until);
            }
            else
            {
                closed = true;
                holiday |= isHoliday;
            }
        }

        if (!closed)
        {
            _timeRules |= 1UL << index;
            _openUntil = Math.Min(_openUntil, openUntil);
            Tell(rule, "nothing found", Say("{0} is within hours.", _q.CallTime));
        }
        else if (ForbidUnless(
            rule, holiday ? ReasonCode.Holiday : ReasonCode.OutsideHours, long.MinValue, Say("{0} is outside hours.", _q.CallTime), byTime: true)
            == Lift.No)
        {
            _timeRules |= 1UL << index;
        }
    }

    private void LookAtAttempts(Rule rule, int index)
    {
        _timeRules |= 1UL << index;
        switch (AttemptsFull(rule, _q.CallTime, out _))
        {
            case Lift.Yes:
                ForbidUnless(rule, ReasonCode.TooManyAttempts, long.MinValue, "As many attempts as allowed were made.", byTime: true);
                break;
            case Lift.CannotTell:
                CannotTell(rule, "The history of attempts does not reach back to the call time, or cannot be read.");
                break;
            default:
                Tell(rule, "nothing found", "Fewer attempts than allowed.");
                break;
        }
    }

    private Lift AttemptsFull(Rule rule, long at, out long free)
    {
        free = at;
        var grouped = rule.PerSubject && _q.OrganisationGroup != _q.Organisation;
        var value = _bySlot[grouped ? Slot.AttemptsGroup : Slot.AttemptsOwn];
        if (value is null)
        {
            return Lift.No;
        }

        Span<FactEntry> entries = stackalloc FactEntry[Timeline.MaxEntries];
        var count = Timeline.Read(FactKind.Attempt, value, entries, out var cut);
        if (count < 0)
        {
            _unreadable = true;
            return Lift.CannotTell;
        }

        var made = 0;
        for (var i = 0; i < count; i++)
        {
            var attempt = entries[i].Effective;
            if (attempt > _q.CallTime || entries[i].Withdrawn || !Counts(rule, attempt, at))
            {
                continue;
            }

            made++;
            if (made == rule.Max)
            {
                free = rule.WithinHours > 0
                    ? attempt + (rule.WithinHours * 60 * LocalTime.MinuteMs)
                    : LocalTime.Instant(LocalTime.Day(attempt, _zone) + rule.DaysBack + 1, 0, _zone);
                return Lift.Yes;
            }
        }

        // What was cut lies between the two oldest kept.
        return cut && Counts(rule, entries[count - 2].Effective, at) ? Lift.CannotTell : Lift.No;
    }

    private readonly bool Counts(Rule rule, long attempt, long at) => rule.WithinHours > 0
        ? attempt > at - (rule.WithinHours * 60 * LocalTime.MinuteMs)
        : LocalTime.Day(attempt, _zone) >= LocalTime.Day(at, _zone) - rule.DaysBack;

    /// <summary>The first moment at which all rules of time are content, if what permits lasts that long; else 0.</summary>
    private long NextPermitted()
    {
        const int MaxRounds = 16;
        var at = _q.CallTime;
        for (var round = 0; round < MaxRounds; round++)
        {
            var before = at;
            for (var i = 0; i < _rules.All.Length && at != 0; i++)
            {
                if ((_timeRules & (1UL << i)) != 0)
                {
                    at = NextFor(_rules.All[i], at);
                }
            }

            if (at == 0 || at >= _permitUntil)
            {
                return 0;
            }

            if (at == before)
            {
                return at;
            }
        }

        return 0;
    }

    private long NextFor(Rule rule, long at)
    {
        switch (rule.Type)
        {
            case RuleType.Hours:
                foreach (var zone in _rules.Zones)
                {
                    at = at == 0 ? 0 : rule.Hours!.NextOpen(at, zone);
                }

                return at;
            case RuleType.Attempts:
                return AttemptsFull(rule, at, out var free) == Lift.Yes ? Math.Max(at, free) : at;
            default:
                var cannotTell = false;
                return Find(Slot.Refusal, FactKind.Refusal, out var refusal, ref cannotTell)
                    ? Math.Max(at, RefusalOver(rule, refusal))
                    : at;
        }
    }

    private void Bound(long until) => _permitUntil = Math.Min(_permitUntil, until);

    private readonly string Say(string format, long at) =>
        _trace.On ? string.Format(null, format, Wording.Time(at, _zone)) : "";
}
