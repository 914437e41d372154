using System.Numerics;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;

namespace Lookup.Core.Decisions;

/// <summary>
/// One evaluation of the rules. It evaluates every rule that applies, since the answer lists all reasons. The strictest outcome is the
/// verdict: DENY before UNKNOWN before NOT_COVERED before ALLOW.
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

    // The possible types of the subscriber, as bits: a rule binds if it covers any of them, a permit counts only if it covers all.
    private readonly int _subscribers;
    private readonly long _reassigned;
    private readonly bool _reassignmentUnknown;
    private readonly int _sector;

    // The product groups of the country that the question's group matches, and those that it names exactly, as bits.
    private readonly ulong _groups;
    private readonly ulong _exactGroups;
    private readonly TimeZoneInfo _zone;

    // The call time in that zone.
    private readonly long _local;
    private readonly int _today;

    private Decision _decision;
    private bool _forbidden;
    private bool _forbiddenByMoreThanTime;
    private ReasonCode _cannotTell;
    private bool _unreadable;

    // A fact would lift the rule if the number had not been reassigned since.
    private bool _voided;

    // A rule on product groups might apply: the question names none of the country's groups.
    private bool _unnamed;

    // An optional register that could forbid the call and is not loaded for its time.
    private RegisterDefinition? _notLoaded;
    private RuleText? _notCovered;
    private ReasonCode _permitCode;
    private RuleText? _permit;

    // Why the closest consent and relation do not count.
    private Reason _consentFailure;
    private Reason _relationFailure;

    // The time up to which the permission lasts, hours and caps aside.
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
        _local = LocalTime.Local(question.CallTime, _zone);
        _today = LocalTime.DayOf(_local);
        _permitUntil = rules.Until;
        _openUntil = long.MaxValue;
        _sector = (int)(question.Sector == Sector.Unspecified ? Sector.Other : question.Sector);
        _groups = rules.Groups.Length == 0 ? 0 : ProductGroup.BitsOf(rules.Groups, question.GroupName, out _exactGroups);

        // A service or research call that also promotes counts as a marketing call, and a survey of customers as research.
        var promotes = question.Purpose is Purpose.Commercial or Purpose.Charity or Purpose.Political;
        _kind = question.Kind switch
        {
            CallKind.Unspecified => CallKind.Marketing,
            CallKind.Service or CallKind.Research when promotes => CallKind.Marketing,
            CallKind.Service when question.Purpose == Purpose.Survey => CallKind.Research,
            _ => question.Kind,
        };
        _reassigned = bySlot[Slot.Reassignment].IsNull ? long.MinValue : ReassignedAt(ref _reassignmentUnknown);
        _subscriber = SubscriberOf(question.Subscriber, out _subscribers);
    }

    internal Decision Run()
    {
        _decision.Rules = _rules;
        var rules = _rules.All;
        var binding = _rules.Index.Find(
            _q.Layers, _kind, _subscribers, _q.Purpose, _q.Sector, _q.Mode, _q.Line, _q.CallerNumberWithheld, _q.CallerNumber != 0);

        // An explanation names the other rules too.
        for (var left = _trace.On ? (1UL << rules.Length) - 1 : binding; left != 0; left &= left - 1)
        {
            var i = BitOperations.TrailingZeroCount(left);
            if (_trace.On && (binding & (1UL << i)) == 0)
            {
                TraceOther(rules[i]);
            }
            else if (IsAboutGroup(rules[i]))
            {
                Apply(rules[i], i);
            }
        }

        ApplyOrganisationRules();
        ApplyBlock();
        SetVerdict();
        return _decision;
    }

    // An organisation's own rules bind it whichever layers it switched off.
    private void ApplyOrganisationRules()
    {
        if (_q.Own is { } own)
        {
            for (var i = 0; i < own.All.Length; i++)
            {
                if (AppliesToKind(own.All[i]))
                {
                    Apply(own.All[i], _rules.All.Length + i);
                }
            }
        }
    }

    // A block forbids every kind of call, whichever layers are switched off.
    private void ApplyBlock()
    {
        if (_q.Block is not { } block)
        {
            return;
        }

        var text = Wording.TextOf(block);
        _forbidden = true;
        _forbiddenByMoreThanTime = true;
        _decision.Add(ReasonCode.NumberBlocked, text);
        if (_trace.On)
        {
            _trace.Step(Wording.Block, text, "forbids", Wording.Describe(block, _q.CallTime, _zone));
        }
    }

    private readonly bool AppliesToKind(Rule rule)
    {
        var isOf = (rule.Kinds & (1 << (int)_kind)) != 0;
        if (!isOf)
        {
            Trace(rule, "does not apply", "The rule does not cover this kind of call.");
        }

        return isOf;
    }

    private readonly void TraceOther(Rule rule)
    {
        var (outcome, detail) = WhyNot(rule);
        Trace(rule, outcome, detail);
    }

    private readonly (string Outcome, string Detail) WhyNot(Rule rule) => rule switch
    {
        _ when ((int)_q.Layers & (1 << (int)rule.Text.Layer)) == 0 => ("switched off", "This layer does not bind the organisation."),
        _ when (rule.Kinds & (1 << (int)_kind)) == 0 => ("does not apply", "The rule does not cover this kind of call."),
        _ when (rule.Subscribers & _subscribers) == 0 => ("does not apply", "The rule does not cover this kind of subscriber."),
        _ when (rule.Modes & (1 << (int)_q.Mode)) == 0 => ("does not apply", "The rule does not cover this dialling mode."),
        _ when (rule.Lines & (1 << (int)_q.Line)) == 0 => ("does not apply", "The rule does not cover this type of line."),
        { Type: RuleType.Withheld } => ("nothing found", "The call shows the caller's number."),
        { Type: RuleType.CallerNumber } => ("does not apply", _q.CallerNumber == 0 ? "The caller's number was not stated." : "The caller's number was stated."),
        _ => ("does not apply", "The rule does not cover this purpose or sector."),
    };

    private bool IsAboutGroup(Rule rule)
    {
        if ((rule.ExemptGroupBits & _exactGroups) == 0 && (rule.GroupBits == 0 || (rule.GroupBits & _groups) != 0))
        {
            return true;
        }

        Trace(rule, "does not apply", "The rule does not cover this product group.");
        if (_groups == 0)
        {
            ApplyToUnnamed(rule);
        }

        return false;
    }

    // A question that names none of the country's groups may mean any of them: the answer says so, and with the strict layer the rule
    // forbids the call.
    private void ApplyToUnnamed(Rule rule)
    {
        _unnamed = true;
        _voided = false;
        if ((_q.Layers & Layers.Strict) != 0
            && !(rule.RequestedDays > 0 && IsFreshRequest(rule))
            && Lifted(rule, long.MinValue, partial: false) == Lift.No)
        {
            Forbid(rule, ReasonCode.ProductGroupNotNamed, Texts.NameTheGroup, "The offer may belong to this product group.");
        }
    }

    private void Apply(Rule rule, int index)
    {
        _voided = false;
        switch (rule.Type)
        {
            case RuleType.Range:
                Forbid(rule, ReasonCode.ForbiddenRange, rule.Text, "The number is in a range that must not be called.");
                break;
            case RuleType.Withheld:
                Forbid(rule, ReasonCode.CallerNumberWithheld, rule.Text, "The caller's number would not be shown.");
                break;
            case RuleType.CallerNumber when rule.Callers!.Forbids(_q.CallerNumber):
                Forbid(rule, ReasonCode.CallerNumberNotAllowed, rule.Text, "The caller's number is not one that may be shown, or was not stated.");
                break;
            case RuleType.Automated:
                ForbidUnless(
                    rule, ReasonCode.AutomatedWithoutConsent, long.MinValue,
                    _q.Mode == DiallingMode.NoHuman ? "No human speaks." : "A system dials.");
                break;
            case RuleType.Banned when rule.RequestedDays > 0 && IsFreshRequest(rule):
                Trace(rule, "lifted", WithTime("Requested on {0}.", _q.RequestedAt));
                break;
            case RuleType.Banned:
                ForbidUnless(rule, ReasonCode.ProductGroupBanned, long.MinValue, "Offers of this product group are banned.");
                break;
            case RuleType.Objection:
                ApplyObjections(rule);
                break;
            case RuleType.Refusal:
                ApplyRefusal(rule, index);
                break;
            case RuleType.Register:
                ApplyRegister(rule);
                break;
            case RuleType.Permission:
                ApplyPermission(rule);
                break;
            case RuleType.Hours:
                ApplyHours(rule, index);
                break;
            case RuleType.Attempts:
                ApplyAttempts(rule, index);
                break;
            default:
                Trace(rule, "nothing found", "");
                break;
        }
    }

    private void SetVerdict()
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
            AddFurtherReasons();
        }
    }

    // What the ALLOW does not take into account. These are the only reasons of an ALLOW after the first, since their layer is the least binding one.
    private void AddFurtherReasons()
    {
        if (_notLoaded is not null)
        {
            _decision.Add(ReasonCode.RegisterNotLoaded, _notLoaded.NotLoaded);
        }

        if (_unnamed)
        {
            _decision.Add(ReasonCode.ProductGroupNotNamed, Texts.NameTheGroup);
        }

        if (_q.IsOrganisationUnknown)
        {
            _decision.Add(ReasonCode.OrganisationNotKnown, Texts.CheckTheName);
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
        else if (PermissionOfOthers() is { } rule)
        {
            _decision.Add(ReasonCode.LegalPerson, rule.Text);
        }
        else
        {
            _decision.Add(ReasonCode.NothingForbids, _rules.Otherwise);
        }
    }

    // The rule that would ask for a permission if the subscriber were not a legal person: the last one of the most binding layer.
    private readonly Rule? PermissionOfOthers()
    {
        if (_subscriber != SubscriberType.LegalPerson)
        {
            return null;
        }

        var found = default(Rule);
        var rules = _rules.All;
        var others = _rules.Index.Find(
            _q.Layers, _kind, Rules.NaturalPersons, _q.Purpose, _q.Sector, _q.Mode, _q.Line, _q.CallerNumberWithheld, _q.CallerNumber != 0);
        for (; others != 0; others &= others - 1)
        {
            var rule = rules[BitOperations.TrailingZeroCount(others)];
            if (rule.Type == RuleType.Permission
                && (rule.Subscribers & _subscribers) == 0
                && (rule.ExemptGroupBits & _exactGroups) == 0
                && (rule.GroupBits == 0 || (rule.GroupBits & _groups) != 0)
                && (rule.Sectors & (1 << _sector)) != 0
                && (found is null || rule.Text.Layer <= found.Text.Layer))
            {
                found = rule;
            }
        }

        return found;
    }

    private void Forbid(Rule rule, ReasonCode code, RuleText text, string detail, bool byTime = false)
    {
        _forbidden = true;
        _forbiddenByMoreThanTime |= !byTime;
        _decision.Add(code, text);
        if (_voided)
        {
            _decision.Add(ReasonCode.NumberReassigned, _rules.Reassigned);
        }

        Trace(rule, "forbids", detail);
    }

    private Lift ForbidUnless(Rule rule, ReasonCode code, long threshold, string detail, bool byTime = false)
    {
        _consentFailure = default;
        var lift = Lifted(rule, threshold, partial: false);
        if (lift == Lift.No && _consentFailure.Code == ReasonCode.ConsentFormInsufficient && !byTime)
        {
            Forbid(rule, _consentFailure.Code, _consentFailure.Text, "There is a consent, but not in the form that this needs.");
        }
        else if (lift == Lift.No)
        {
            Forbid(rule, code, rule.Text, detail, byTime);
        }
        else if (lift == Lift.Yes)
        {
            Trace(rule, "lifted", Lifting(detail));
        }

        return lift;
    }

    /// <summary>Finds the version of a fact that is in effect for the call.</summary>
    /// <param name="slot">The slot of the fact.</param>
    /// <param name="entry">The version.</param>
    /// <param name="standing">The time at which it is compared with other facts, in Unix milliseconds.</param>
    /// <param name="cannotTell">Set to true if the version cannot be determined.</param>
    /// <param name="loaded">Registrations: the date of the newest loaded snapshot.</param>
    /// <returns>False if there is no such version, or if it cannot be determined.</returns>
    private bool Find(
        int slot, FactKind kind, out FactEntry entry, out long standing, ref bool cannotTell, long loaded = long.MaxValue)
    {
        (entry, standing) = (default, long.MinValue);
        var value = _bySlot[slot];
        if (value.IsNull)
        {
            return false;
        }

        switch (VersionsInEffect.TryFind(kind, value.Span, new CallMoment(_q.CallTime, _q.IsTimeNamed, loaded, _q.KnownAt), out entry, out standing))
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

    private void Undetermined(Rule rule, string detail)
    {
        _cannotTell = _unreadable ? ReasonCode.RecordUnreadable : ReasonCode.HistoryCut;
        Trace(rule, "cannot tell", detail);
    }

    // When the number went to another subscriber; facts from that time or before do not count.
    private long ReassignedAt(ref bool unknown)
    {
        if (((int)_q.Layers & (1 << (int)_rules.Reassigned.Layer)) == 0)
        {
            return long.MinValue;
        }

        var isThere = Find(Slot.Reassignment, FactKind.Reassignment, out var entry, out var standing, ref unknown) && !entry.Withdrawn;
        return isThere ? standing : long.MinValue;
    }

    private SubscriberType SubscriberOf(SubscriberType stated, out int possible)
    {
        var cannotTell = false;
        var known = Find(Slot.Subscriber, FactKind.Subscriber, out var entry, out var standing, ref cannotTell) && !entry.Withdrawn
            ? entry.Subscriber
            : stated;
        if (cannotTell)
        {
            possible = 1 << (int)SubscriberType.Unknown;
            return SubscriberType.Unknown;
        }

        // Of the stated and the recorded type, the one that protects more counts.
        var type = (stated, known) switch
        {
            (SubscriberType.Unknown, _) => known,
            _ when stated == known => stated,
            (SubscriberType.Consumer, _) or (_, SubscriberType.Consumer) => SubscriberType.Consumer,
            (SubscriberType.LegalPerson, _) => known,
            _ => stated,
        };
        possible = 1 << (int)type;
        if (standing <= _reassigned || _reassignmentUnknown)
        {
            // The record belongs, or may belong, to an earlier subscriber: it still protects, and lifts nothing.
            possible |= 1 << (int)stated;
        }

        return type;
    }

    private readonly void Trace(Rule rule, string outcome, string detail) => Trace(rule, rule.Text, outcome, detail);

    private readonly void Trace(Rule rule, RuleText text, string outcome, string detail)
    {
        if (_trace.On)
        {
            _trace.Step(Wording.NameOf(rule.Type), text, outcome, detail);
        }
    }
}
