using Lookup.Core.Facts;
using Lookup.Core.Regimes;

namespace Lookup.Core.Decisions;

/// <summary>
/// One run through the rules. Every rule that applies is looked at, since all reasons may be asked for; the strongest
/// outcome is the verdict: DENY before UNKNOWN before NOT_COVERED before ALLOW.
/// </summary>
internal ref partial struct Evaluation<TTrace>
    where TTrace : struct, ITrace
{
    private readonly Rules _rules;
    private readonly ref readonly Question _q;
    private readonly ReadOnlySpan<StoredValue> _bySlot;
    private readonly RegisterSnapshots _snapshots;
    private readonly TTrace _trace;
    private readonly CallKind _kind;
    private readonly SubscriberType _subscriber;
    private readonly int _sector;
    private readonly TimeZoneInfo _zone;
    private readonly int _today;

    private Decision _decision;
    private bool _forbidden;
    private bool _forbiddenByMoreThanTime;
    private ReasonCode _cannotTell;
    private bool _unreadable;
    private RuleText? _notCovered;
    private RuleText? _legalPerson;
    private ReasonCode _permitCode;
    private RuleText? _permit;

    // Why the closest consent and relation did not count.
    private Reason _consentFailure;
    private Reason _relationFailure;

    // Until when what permits keeps permitting, hours and caps aside.
    private long _permitUntil;
    private long _openUntil;
    private ulong _timeRules;

    internal Evaluation(
        Rules rules, in Question question, ReadOnlySpan<StoredValue> bySlot, RegisterSnapshots snapshots, TTrace trace)
    {
        _rules = rules;
        _q = ref question;
        _bySlot = bySlot;
        _snapshots = snapshots;
        _trace = trace;
        _zone = rules.Zones[0];
        _today = LocalTime.Day(question.CallTime, _zone);
        _permitUntil = rules.Until;
        _openUntil = long.MaxValue;
        _sector = (int)(question.Sector == Sector.Unspecified ? Sector.Other : question.Sector);

        // A service or research call that also promotes is a marketing call.
        var promotes = question.Purpose is Purpose.Commercial or Purpose.Charity or Purpose.Political;
        _kind = question.Kind switch
        {
            CallKind.Unspecified => CallKind.Marketing,
            CallKind.Service or CallKind.Research when promotes => CallKind.Marketing,
            _ => question.Kind,
        };
        _subscriber = SubscriberOf(question.Subscriber);
    }

    internal Decision Run()
    {
        _decision.Rules = _rules;
        var rules = _rules.All;
        for (var i = 0; i < rules.Length; i++)
        {
            var rule = rules[i];
            if (Applies(rule))
            {
                Look(rule, i);
            }
        }

        LookAtOwn();
        Conclude();
        return _decision;
    }

    // What an organisation sets itself binds it whatever layers it switched off.
    private void LookAtOwn()
    {
        if (_q.Own is { } own)
        {
            for (var i = 0; i < own.All.Length; i++)
            {
                if (IsOfKind(own.All[i]))
                {
                    Look(own.All[i], _rules.All.Length + i);
                }
            }
        }
    }

    private readonly bool IsOfKind(Rule rule)
    {
        var isOf = (rule.Kinds & (1 << (int)_kind)) != 0;
        if (!isOf)
        {
            Tell(rule, "does not apply", "Not for this kind of call.");
        }

        return isOf;
    }

    private bool Applies(Rule rule)
    {
        if (((int)_q.Layers & (1 << (int)rule.Text.Layer)) == 0)
        {
            Tell(rule, "switched off", "This layer does not bind the organisation.");
            return false;
        }

        if (!IsOfKind(rule))
        {
            return false;
        }

        if ((rule.Subscribers & (1 << (int)_subscriber)) == 0)
        {
            if (rule.Type == RuleType.Permission && _subscriber == SubscriberType.LegalPerson)
            {
                _legalPerson = rule.Text;
            }

            Tell(rule, "does not apply", "Not for this kind of subscriber.");
            return false;
        }

        if ((rule.Purposes & (1 << (int)_q.Purpose)) == 0 || (rule.Sectors & (1 << _sector)) == 0
            || (rule.Groups.Length > 0 && Array.IndexOf(rule.Groups, _q.GroupName) < 0)
            || (rule.ExemptGroups.Length > 0 && Array.IndexOf(rule.ExemptGroups, _q.GroupName) >= 0))
        {
            Tell(rule, "does not apply", "Not for this purpose, sector or product group.");
            return false;
        }

        if ((rule.Modes & (1 << (int)_q.Mode)) == 0)
        {
            Tell(rule, "does not apply", "Not for this way of dialling.");
            return false;
        }

        return true;
    }

    private void Look(Rule rule, int index)
    {
        switch (rule.Type)
        {
            case RuleType.Range:
                Forbid(rule, ReasonCode.ForbiddenRange, rule.Text, "The number lies in a range that is never called.");
                break;
            case RuleType.Withheld when _q.CallerNumberWithheld:
                Forbid(rule, ReasonCode.CallerNumberWithheld, rule.Text, "The caller's number would not be shown.");
                break;
            case RuleType.Automated:
                ForbidUnless(
                    rule, ReasonCode.AutomatedWithoutConsent, long.MinValue,
                    _q.Mode == DiallingMode.NoHuman ? "No human speaks." : "A system dials.");
                break;
            case RuleType.Banned when rule.RequestedDays > 0 && IsFreshRequest(rule):
                Tell(rule, "lifted", Say("Asked for on {0}.", _q.RequestedAt));
                break;
            case RuleType.Banned:
                ForbidUnless(rule, ReasonCode.ProductGroupBanned, long.MinValue, "Offers of this product group are banned.");
                break;
            case RuleType.Objection:
                LookAtObjections(rule);
                break;
            case RuleType.Refusal:
                LookAtRefusal(rule, index);
                break;
            case RuleType.Register:
                LookAtRegister(rule);
                break;
            case RuleType.Permission:
                LookAtPermission(rule);
                break;
            case RuleType.Hours:
                LookAtHours(rule, index);
                break;
            case RuleType.Attempts:
                LookAtAttempts(rule, index);
                break;
            default:
                Tell(rule, "nothing found", "");
                break;
        }
    }

    private void Conclude()
    {
        if (_forbidden)
        {
            _decision.Verdict = Verdict.Deny;
            if (!_forbiddenByMoreThanTime && _cannotTell == ReasonCode.None && _notCovered is null)
            {
                _decision.NextPermitted = NextPermitted();
            }
        }
        else if (_cannotTell != ReasonCode.None)
        {
            _decision.Verdict = Verdict.Unknown;
            _decision.Add(_cannotTell, Texts.CannotTell);
        }
        else if (_notCovered is not null)
        {
            _decision.Verdict = Verdict.NotCovered;
            _decision.Add(ReasonCode.RegisterNotLoaded, _notCovered);
        }
        else
        {
            _decision.Verdict = Verdict.Allow;
            _decision.ValidUntil = Math.Min(_permitUntil, _openUntil);
            AddPermittingReason();
        }
    }

    private void AddPermittingReason()
    {
        if (_kind != CallKind.Marketing)
        {
            var code = _kind switch
            {
                CallKind.Requested => ReasonCode.Requested,
                CallKind.Service => ReasonCode.ServiceCall,
                _ => ReasonCode.Research,
            };
            _decision.Add(code, _rules.Exempt[(int)_kind] ?? Texts.OutsideTheRule);
        }
        else if (_permit is not null)
        {
            _decision.Add(_permitCode, _permit);
        }
        else if (_legalPerson is not null)
        {
            _decision.Add(ReasonCode.LegalPerson, _legalPerson);
        }
        else
        {
            _decision.Add(ReasonCode.NothingForbids, _rules.Otherwise);
        }
    }

    private void Forbid(Rule rule, ReasonCode code, RuleText text, string detail, bool byTime = false)
    {
        _forbidden = true;
        _forbiddenByMoreThanTime |= !byTime;
        _decision.Add(code, text);
        Tell(rule, "forbids", detail);
    }

    private Lift ForbidUnless(Rule rule, ReasonCode code, long threshold, string detail, bool byTime = false)
    {
        var lift = Lifted(rule, threshold, partial: false);
        if (lift == Lift.No)
        {
            Forbid(rule, code, rule.Text, detail, byTime);
        }
        else if (lift == Lift.Yes)
        {
            Tell(rule, "lifted", detail);
        }

        return lift;
    }

    /// <summary>Reads the version of a fact that is in effect for the call.</summary>
    /// <param name="slot">Where the fact is.</param>
    /// <param name="kind">Its kind.</param>
    /// <param name="entry">The version.</param>
    /// <param name="standing">The time at which it is compared with other facts, in Unix milliseconds.</param>
    /// <param name="cannotTell">Set if it cannot be determined.</param>
    /// <param name="loaded">Registrations: date of the newest loaded snapshot.</param>
    /// <returns>False if there is none, or if it cannot be determined.</returns>
    private bool Find(
        int slot, FactKind kind, out FactEntry entry, out long standing, ref bool cannotTell, long loaded = long.MaxValue)
    {
        (entry, standing) = (default, long.MinValue);
        var value = _bySlot[slot];
        if (value.IsNull)
        {
            return false;
        }

        switch (VersionsInEffect.TryFind(kind, value.Span, new CallMoment(_q.CallTime, _q.IsTimeNamed, loaded), out entry, out standing))
        {
            case AsOf.Found:
                return true;
            case AsOf.Absent:
                return false;
            case AsOf.Unreadable:
                _unreadable = true;
                cannotTell = true;
                return false;
            default:
                cannotTell = true;
                return false;
        }
    }

    private void CannotTell(Rule rule, string detail)
    {
        _cannotTell = _unreadable ? ReasonCode.RecordUnreadable : ReasonCode.HistoryCut;
        Tell(rule, "cannot tell", detail);
    }

    private SubscriberType SubscriberOf(SubscriberType stated)
    {
        var cannotTell = false;
        var known = Find(Slot.Subscriber, FactKind.Subscriber, out var entry, out _, ref cannotTell) && !entry.Withdrawn
            ? entry.Subscriber
            : stated;
        if (cannotTell)
        {
            return SubscriberType.Unknown;
        }

        // The statement and the record: the one that protects more counts.
        return (stated, known) switch
        {
            (SubscriberType.Unknown, _) => known,
            _ when stated == known => stated,
            (SubscriberType.Consumer, _) or (_, SubscriberType.Consumer) => SubscriberType.Consumer,
            (SubscriberType.LegalPerson, _) => known,
            _ => stated,
        };
    }

    private readonly void Tell(Rule rule, string outcome, string detail) => Tell(rule, rule.Text, outcome, detail);

    private readonly void Tell(Rule rule, RuleText text, string outcome, string detail)
    {
        if (_trace.On)
        {
            _trace.Step(Wording.NameOf(rule.Type), text, outcome, detail);
        }
    }
}
