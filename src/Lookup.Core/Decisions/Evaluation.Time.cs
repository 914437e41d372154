using System.Globalization;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;

namespace Lookup.Core.Decisions;

/// <content>The rules on time (hours, attempts), and the next time that they permit.</content>
internal ref partial struct Evaluation<TTrace>
{
    private void ApplyHours(Rule rule, int index)
    {
        var closed = false;
        var holiday = false;
        var openUntil = long.MaxValue;
        foreach (var zone in _rules.Zones)
        {
            var local = ReferenceEquals(zone, _zone) ? _local : LocalTime.Local(_q.CallTime, zone);
            if (rule.Hours!.IsOpen(_q.CallTime, local, zone, out var until, out var isHoliday))
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
            Trace(rule, "nothing found", WithTime("{0} is within hours.", _q.CallTime));
        }
        else if (ForbidUnless(
            rule, holiday ? ReasonCode.Holiday : ReasonCode.OutsideHours, long.MinValue, WithTime("{0} is outside hours.", _q.CallTime), byTime: true)
            == Lift.No)
        {
            _timeRules |= 1UL << index;
        }
    }

    private void ApplyAttempts(Rule rule, int index)
    {
        _timeRules |= 1UL << index;
        switch (AttemptsFull(rule, _q.CallTime, out _, out var made))
        {
            case Lift.Yes:
                ForbidUnless(rule, ReasonCode.TooManyAttempts, long.MinValue, _trace.On ? Attempts(rule, made) : "", byTime: true);
                break;
            case Lift.CannotTell:
                Undetermined(rule, "The attempts cannot be read, or their history does not reach back to the call time.");
                break;
            default:
                Trace(rule, "nothing found", _trace.On ? Attempts(rule, made) : "");
                break;
        }
    }

    // "2 of 3 attempts in the 24 hours before the call, for this product group."
    private static string Attempts(Rule rule, int made)
    {
        var window = rule.WithinHours > 0 ? $"in the {rule.WithinHours} hours before the call"
            : rule.DaysBack > 0 ? $"on the day of the call and the {rule.DaysBack} days before it"
            : "on the day of the call";
        return string.Create(
            CultureInfo.InvariantCulture, $"{made} of {rule.Max} {(rule.Abandoned ? "abandoned calls" : "attempts")} {window}{(rule.PerSubject ? ", for this product group" : "")}.");
    }

    private Lift AttemptsFull(Rule rule, long at, out long free, out int made)
    {
        (free, made) = (at, 0);
        var grouped = rule.PerSubject && _q.OrganisationGroup != _q.Organisation;
        var attempts = _bySlot[rule.Abandoned ? Slot.AttemptsAbandoned : grouped ? Slot.AttemptsGroup : Slot.AttemptsOwn];
        // Attempts without a product group count for every group.
        var unlabelled = grouped ? _bySlot[Slot.AttemptsUnlabelled] : default;
        var spelled = grouped ? _bySlot[Slot.AttemptsSpelled] : default;
        // Call records do not show which calls were abandoned.
        var placed = rule.Abandoned ? null : _q.PlacedCalls;
        if (attempts.IsNull && unlabelled.IsNull && spelled.IsNull && placed is null)
        {
            return Lift.No;
        }

        Span<long> times = stackalloc long[4 * Timeline.MaxEntries];
        Span<long> ends = stackalloc long[4 * Timeline.MaxEntries];
        AddPlacedCalls(placed, rule, at, times, ends, ref made);
        var isComplete = AddAttempts(attempts, rule, at, times, ends, ref made)
            & AddAttempts(unlabelled, rule, at, times, ends, ref made)
            & AddAttempts(spelled, rule, at, times, ends, ref made);
        if (made >= rule.Max)
        {
            ends = ends[..made];
            ends.Sort();
            free = ends[made - rule.Max];
            return Lift.Yes;
        }

        return isComplete ? Lift.No : Lift.CannotTell;
    }

    private readonly void AddPlacedCalls(long[]? placed, Rule rule, long at, scoped Span<long> times, scoped Span<long> ends, ref int made)
    {
        foreach (var time in placed ?? [])
        {
            if (Counts(rule, time, at) && times[..made].IndexOf(time) < 0)
            {
                (times[made], ends[made]) = (time, CountsUntil(rule, new FactEntry { Effective = time, Until = FactEntry.Open }));
                made++;
            }
        }
    }

    // A dialer reports an outcome a while after the start of the call.
    private readonly bool IsPlacedCall(Rule rule, long attempt)
    {
        if (rule.Abandoned || _q.PlacedCalls is not { } placed)
        {
            return false;
        }

        foreach (var time in placed)
        {
            if (Math.Abs(attempt - time) <= VersionsInEffect.MaxLateMs)
            {
                return true;
            }
        }

        return Math.Abs(attempt - _q.CallTime) <= VersionsInEffect.MaxLateMs;
    }

    /// <summary>Adds the attempts of a timeline that count: their times, and when each stops counting.</summary>
    /// <returns>False if the timeline may hold more of them.</returns>
    private bool AddAttempts(StoredValue value, Rule rule, long at, scoped Span<long> times, scoped Span<long> ends, ref int made)
    {
        if (value.IsNull)
        {
            return true;
        }

        Span<FactEntry> entries = stackalloc FactEntry[Timeline.MaxEntries];
        var count = Timeline.Read(FactKind.Attempt, value.Span, entries, out var cut);
        if (count < 0)
        {
            _unreadable = true;
            return false;
        }

        var moment = new CallMoment(_q.CallTime, _q.IsTimeNamed);
        for (var i = 0; i < count; i++)
        {
            ref readonly var attempt = ref entries[i];
            if (attempt.Withdrawn || !VersionsInEffect.CountsEarly(attempt, moment) || !VersionsInEffect.WasKnown(FactKind.Attempt, attempt, _q.KnownAt)
                || !Counts(rule, attempt.Effective, at) || !Reservation.Counts(attempt, at) || IsPlacedCall(rule, attempt.Effective))
            {
                continue;
            }

            // One call that was reserved with its group and reported without it counts once.
            var end = CountsUntil(rule, attempt);
            if (times[..made].IndexOf(attempt.Effective) is >= 0 and var same)
            {
                ends[same] = Math.Max(ends[same], end);
                continue;
            }

            (times[made], ends[made]) = (attempt.Effective, end);
            made++;
        }

        // Dropped versions lie between the two oldest that are kept.
        return !cut || !Counts(rule, entries[count - 2].Effective, at);
    }

    private readonly bool Counts(Rule rule, long attempt, long at) => rule.WithinHours > 0
        ? attempt > at - (rule.WithinHours * 60 * LocalTime.MinuteMs)
        : LocalTime.Day(attempt, _zone) >= LocalTime.Day(at, _zone) - rule.DaysBack;

    private readonly long CountsUntil(Rule rule, in FactEntry attempt) => Math.Min(
        Reservation.CountsUntil(attempt),
        rule.WithinHours > 0
            ? attempt.Effective + (rule.WithinHours * 60 * LocalTime.MinuteMs)
            : LocalTime.Instant(LocalTime.Day(attempt.Effective, _zone) + rule.DaysBack + 1, 0, _zone));

    /// <summary>Returns the first time that all rules on time permit, if the permission lasts until then; else 0.</summary>
    private long NextPermitted()
    {
        const int MaxRounds = 16;
        var at = _q.CallTime;
        for (var round = 0; round < MaxRounds; round++)
        {
            var before = at;
            var regime = _rules.All.Length;
            for (var i = 0; i < regime + (_q.Own?.All.Length ?? 0) && at != 0; i++)
            {
                if ((_timeRules & (1UL << i)) != 0)
                {
                    at = NextFor(i < regime ? _rules.All[i] : _q.Own!.All[i - regime], at);
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
                return AttemptsFull(rule, at, out var free, out _) == Lift.Yes ? Math.Max(at, free) : at;
            default:
                var cannotTell = false;
                return Find(Slot.Refusal, FactKind.Refusal, out var refusal, out _, ref cannotTell)
                    ? Math.Max(at, PauseEnd(rule, refusal))
                    : at;
        }
    }
}
