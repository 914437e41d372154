using System.Globalization;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;

namespace Lookup.Core.Decisions;

/// <content>The rules that read facts.</content>
internal ref partial struct Evaluation<TTrace>
{
    private readonly bool IsFreshRequest(Rule rule) =>
        _kind == CallKind.Requested
        && IsRequestedAfter(0)
        && _today - LocalTime.Day(_q.RequestedAt, _zone) <= rule.RequestedDays;

    // A request by an earlier subscriber does not count.
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
            Undetermined(rule, "The objections cannot be read, or their history does not reach back to the call time.");
        }
        else if (objected == long.MinValue)
        {
            Trace(rule, "nothing found", "No objection.");
        }
        else if (_kind == CallKind.Requested && IsRequestedAfter(objected))
        {
            Trace(rule, "lifted", WithTime("Objected on {0}, but requested this call later.", stated));
        }
        else
        {
            ForbidUnless(rule, ReasonCode.Objection, objected, WithTime("Objected on {0}.", stated));
        }
    }

    private void ApplyRefusal(Rule rule, int index)
    {
        var cannotTell = false;
        if (!Find(Slot.Refusal, FactKind.Refusal, out var refusal, out var standing, ref cannotTell) || refusal.Withdrawn)
        {
            if (cannotTell)
            {
                Undetermined(rule, "The refusals cannot be read, or their history does not reach back to the call time.");
            }
            else
            {
                Trace(rule, "nothing found", "No refusal.");
            }
        }
        else if (_kind == CallKind.Requested && IsRequestedAfter(standing))
        {
            Trace(rule, "lifted", WithTime("Refused on {0}, but requested this call later.", refusal.Effective));
        }
        else if (rule.PauseDays == 0)
        {
            ForbidUnless(rule, ReasonCode.Refusal, standing, WithTime("Refused all further calls on {0}.", refusal.Effective));
        }
        else
        {
            _timeRules |= 1UL << index;
            if (PauseEnd(rule, refusal) > _q.CallTime)
            {
                ForbidUnless(
                    rule, ReasonCode.Refusal, standing, WithTime("Refused on {0}; the pause still runs.", refusal.Effective), byTime: true);
            }
            else
            {
                Trace(rule, "nothing found", WithTime("Refused on {0}; the pause has ended.", refusal.Effective));
            }
        }
    }

    // That many full calendar days lie between the day of the refusal and the next call.
    private readonly long PauseEnd(Rule rule, in FactEntry refusal) =>
        LocalTime.Instant(LocalTime.Day(refusal.Effective, _zone) + rule.PauseDays + 1, 0, _zone);

    private void ApplyRegister(Rule rule)
    {
        var cannotTell = false;
        var loaded = _snapshots.TryNewest(rule.Register!.Index, _q.CallTime, out var snapshot);
        // A removal found by comparing snapshots permits only once the newer snapshot is loaded.
        var found = Find(
            Slot.FirstRegister + rule.RegisterSlot, FactKind.Registration, out var entry, out var standing, ref cannotTell,
            loaded ? snapshot : long.MinValue);
        var registered = found && !entry.Withdrawn;
        // A registration that is not known yet, or whose date is unknown, may be newer than any consent.
        var threshold = registered ? standing : long.MaxValue;
        _consentFailure = default;
        switch (Lifted(rule, threshold, partial: registered && entry.Categories != 0))
        {
            case Lift.Yes:
                Trace(rule, "lifted", Lifting(registered ? OnRegister(rule, entry) : "The register need not be checked."));
                return;
            case Lift.CannotTell:
                return;
        }

        if (cannotTell)
        {
            Undetermined(rule, "The registration cannot be read, or its history does not reach back to the call time.");
            return;
        }

        if (registered && Blocks(rule, entry))
        {
            // Only its form keeps the consent from lifting the registration, which the registration alone does not show.
            if (_consentFailure.Code == ReasonCode.ConsentFormInsufficient)
            {
                _decision.Add(_consentFailure.Code, _consentFailure.Text);
            }

            return;
        }

        if (!loaded && rule.Register.IsOptional && (_q.Layers & Layers.Strict) == 0)
        {
            _notLoaded ??= rule.Register;
            Trace(rule, "nothing found", _trace.On ? $"No snapshot of {rule.Register.Name} is loaded, and the register is optional." : "");
        }
        else if (!loaded)
        {
            _notCovered ??= rule.SnapshotText ?? rule.Text;
            Trace(rule, "not covered", _trace.On ? $"No snapshot of {rule.Register.Name} is loaded for this time." : "");
        }
        else if (rule.SnapshotMaxAgeDays > 0 && _today - LocalTime.Day(snapshot, _zone) > rule.SnapshotMaxAgeDays)
        {
            Forbid(rule, ReasonCode.RegisterStale, rule.SnapshotText!, _trace.On ? $"The snapshot is too old: {Snapshot(rule, snapshot)}." : "");
        }
        else
        {
            if (rule.SnapshotMaxAgeDays > 0)
            {
                LimitValidity(LocalTime.Instant(LocalTime.Day(snapshot, _zone) + rule.SnapshotMaxAgeDays + 1, 0, _zone));
            }

            Trace(
                rule, "nothing found", !_trace.On ? ""
                : registered ? $"{OnRegister(rule, entry)} The registration does not forbid this call. Snapshot: {Snapshot(rule, snapshot)}."
                : $"Not on {Snapshot(rule, snapshot)}.");
        }
    }

    private static bool IsFromSnapshot(in FactEntry entry) => (entry.Marks & FactMarks.Snapshot) != 0;

    private bool Blocks(Rule rule, in FactEntry entry)
    {
        if (!IsAgainst(rule, entry))
        {
            return false;
        }

        var days = Math.Max(0, _today - LocalTime.Day(RegisteredSince(rule, entry), _zone));
        var blocks = false;
        foreach (var effect in rule.Effects)
        {
            if (((int)_q.Layers & (1 << (int)effect.Text.Layer)) == 0)
            {
                continue;
            }

            if (days >= effect.AfterDays)
            {
                Forbid(rule, ReasonCode.Registered, effect.Text, OnRegister(rule, entry));
                blocks = true;
            }
            else
            {
                LimitValidity(LocalTime.Instant(_today - days + effect.AfterDays, 0, _zone));
            }
        }

        return blocks;
    }

    // Registering again does not start a new grace period. A snapshot does not show when a number was registered, and neither do dropped
    // versions, so no grace period is assumed.
    private readonly long RegisteredSince(Rule rule, in FactEntry entry)
    {
        Span<FactEntry> entries = stackalloc FactEntry[Timeline.MaxEntries];
        var count = Timeline.Read(FactKind.Registration, _bySlot[Slot.FirstRegister + rule.RegisterSlot].Span, entries, out var cut);
        var since = long.MaxValue;
        for (var i = 0; i < count; i++)
        {
            ref readonly var version = ref entries[i];
            if (!VersionsInEffect.WasKnown(FactKind.Registration, version, _q.KnownAt))
            {
                continue;
            }

            // The entry is the first of those that count together, so a removal or a snapshot before it ends the registration.
            if (version.Effective < entry.Effective && (version.Withdrawn || !IsAgainst(rule, version)))
            {
                break;
            }

            if (!version.Withdrawn && IsAgainst(rule, version))
            {
                since = IsFromSnapshot(version) || (cut && i == count - 1) ? long.MinValue : Math.Min(since, version.Effective);
            }
        }

        return since is long.MaxValue or long.MinValue ? LocalTime.Instant(0, 0, _zone) : since;
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
                Trace(rule, "permits", Lifting(""));
                return;
            case Lift.CannotTell:
                return;
        }

        if (_consentFailure.Code == ReasonCode.None && _relationFailure.Code == ReasonCode.None)
        {
            Forbid(rule, ReasonCode.NoConsent, rule.Text, "There is no consent and nothing else that permits the call.");
            return;
        }

        if (_consentFailure.Code != ReasonCode.None)
        {
            Forbid(rule, _consentFailure.Code, _consentFailure.Text, _trace.On ? NotCounting("Consent") : "");
        }

        if (_relationFailure.Code != ReasonCode.None)
        {
            Forbid(rule, _relationFailure.Code, _relationFailure.Text, _trace.On ? NotCounting("Relation") : "");
        }
    }

    private void LimitValidity(long until) => _permitUntil = Math.Min(_permitUntil, until);

    // "On us-dnc since 2024-03-12 14:00 -04:00 (America/New_York)."
    private readonly string OnRegister(Rule rule, in FactEntry entry) => !_trace.On
        ? ""
        : IsFromSnapshot(entry)
            ? $"On {rule.Register!.Name}, first in the snapshot of {Wording.Date(entry.Effective, _zone)}."
            : $"On {rule.Register!.Name} since {Wording.Time(entry.Effective, _zone)}.";

    // "us-dnc as of 2026-11-20 (9 days old, at most 31 allowed)".
    private readonly string Snapshot(Rule rule, long snapshot)
    {
        var age = _today - LocalTime.Day(snapshot, _zone);
        var limit = rule.SnapshotMaxAgeDays > 0 ? string.Create(CultureInfo.InvariantCulture, $", at most {rule.SnapshotMaxAgeDays} allowed") : "";
        return string.Create(
            CultureInfo.InvariantCulture, $"{rule.Register!.Name} as of {Wording.Date(snapshot, _zone)} ({age} {(age == 1 ? "day" : "days")} old{limit})");
    }

    // Adds the fact that lifted the rule.
    private readonly string Lifting(string detail) =>
        _trace.Notes is { Count: > 0 } notes ? $"{detail}{(detail.Length > 0 ? " " : "")}{notes[^1]}." : detail;

    // The first consent or relation that was tried is the closest one; it gives the reason.
    private readonly string NotCounting(string kind) =>
        _trace.Notes?.Find(note => note.StartsWith(kind, StringComparison.Ordinal)) is { } note ? $"{note}. It does not count." : "It does not count.";

    private readonly string WithTime(string format, long at) =>
        _trace.On ? string.Format(null, format, Wording.Time(at, _zone)) : "";
}
