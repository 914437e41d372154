using System.Globalization;
using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;

namespace Lookup.Tests.Decisions;

/// <summary>A question and the facts on record, decided in memory as the service does it over a store.</summary>
internal sealed class Situation
{
    internal static readonly NumberCipher Cipher = new(new byte[32]);

    private readonly Dictionary<FactId, byte[]> _timelines = [];
    private readonly Dictionary<string, long[]> _snapshots = [];

    internal Situation(string number, string callTime)
    {
        Assert.True(PhoneNumber.TryParse(number, out var parsed, out _));
        Number = parsed;
        CallTime = At(callTime);
        foreach (var register in RegimeSet.BuiltIn.Registers)
        {
            _snapshots[register.Name] = [CallTime - (24 * 3600_000)];
        }
    }

    internal PhoneNumber Number { get; }

    internal long CallTime { get; set; }

    internal string Group { get; set; } = "";

    internal Purpose Purpose { get; set; } = Purpose.Commercial;

    internal CallKind Kind { get; set; } = CallKind.Marketing;

    internal Sector Sector { get; set; }

    internal SubscriberType Subscriber { get; set; } = SubscriberType.Consumer;

    internal Layers Layers { get; set; } = Layers.Default;

    internal OwnRules? Own { get; set; }

    internal DiallingMode Mode { get; set; }

    internal LineType Line { get; set; }

    internal bool Withheld { get; set; }

    internal ulong Caller { get; set; }

    internal string Region { get; set; } = "";

    internal long RequestedAt { get; set; }

    internal long[]? PlacedCalls { get; set; }

    /// <summary>The call time is named; else the call is placed now.</summary>
    internal bool IsTimeNamed { get; set; } = true;

    internal long KnownAt { get; set; } = long.MaxValue;

    internal Question Question => new()
    {
        CallTime = CallTime,
        KnownAt = KnownAt,
        IsTimeNamed = IsTimeNamed,
        OrganisationName = "o",
        Organisation = Scope.FromName("o"),
        OrganisationGroup = Scope.FromName("o", Group),
        Group = Group.Length == 0 ? 0 : Scope.FromName(Group),
        GroupName = Group,
        Purpose = Purpose,
        Kind = Kind,
        Sector = Sector,
        Subscriber = Subscriber,
        Mode = Mode,
        Line = Line,
        CallerNumberWithheld = Withheld,
        CallerNumber = Caller,
        Region = Region,
        RequestedAt = RequestedAt,
        PlacedCalls = PlacedCalls,
        Layers = Layers,
        Own = Own,
    };

    internal static long At(string time) =>
        DateTimeOffset.Parse(time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal).ToUnixTimeMilliseconds();

    internal Situation Snapshot(string register, string date)
    {
        _snapshots[register] = date.Length == 0 ? [] : [At(date)];
        return this;
    }

    internal Situation Record(FactKind kind, byte detail, ulong scope, FactEntry entry)
    {
        var id = new FactId(kind, detail, scope);
        // Recorded so late that only the effective time counts, unless the test says when.
        if (entry.Recorded == 0)
        {
            entry = entry with { Recorded = (uint)(entry.Effective / 1_000) + 3_600 };
        }

        var value = Timeline.Single(kind, entry);
        _timelines[id] = _timelines.TryGetValue(id, out var known) ? Timeline.Merge(kind, known, value) : value;
        return this;
    }

    internal Situation Objection(string at, bool withdrawn = false, string organisation = "o") =>
        Record(FactKind.Objection, 0, Scope.FromName(organisation), new FactEntry { Effective = At(at), Withdrawn = withdrawn });

    internal Situation Consent(string at, string? until = null, bool evidence = true, bool withdrawn = false, string group = "", byte months = 0, bool ledger = false, Purpose purpose = Purpose.Commercial, ConsentForm form = ConsentForm.Unspecified)
    {
        var entry = new FactEntry
        {
            Effective = At(at),
            Until = until is null ? FactEntry.Open : At(until),
            Marks = (evidence ? FactMarks.Evidence : 0) | (ledger ? FactMarks.InLedger : 0),
            Withdrawn = withdrawn,
            FirstContactMonths = months,
            Form = form,
        };
        if (withdrawn && group.Length > 0 && Scope.OfAnySpelling("o", group) != Scope.FromName("o", group))
        {
            Record(FactKind.Consent, (byte)purpose, Scope.OfAnySpelling("o", group), entry);
        }

        return Record(FactKind.Consent, (byte)purpose, Scope.FromName("o", group), entry);
    }

    internal Situation Appointment(string captured, string at, bool withdrawn = false, string group = "") =>
        Record(FactKind.Consent, (byte)Purpose.Commercial | FactId.Appointment, Scope.FromName("o", group), new FactEntry
        {
            Effective = At(captured),
            Since = At(at),
            Form = ConsentForm.Appointment,
            Marks = FactMarks.Evidence,
            Withdrawn = withdrawn,
        });

    internal Situation Relation(
        RelationKind kind, string since, string? until = null, string? group = null,
        FactMarks marks = FactMarks.ObtainedAtSale | FactMarks.OptOutOffered, bool withdrawn = false)
    {
        var entry = new FactEntry
        {
            Effective = At(since),
            Withdrawn = withdrawn,
            Until = until is null ? FactEntry.Open : At(until),
            Marks = marks,
        };
        if ((group ?? Group).Length > 0 && (withdrawn || until is not null))
        {
            Record(FactKind.Relation, (byte)((byte)kind | FactId.Ended), Scope.OfAnySpelling("o", group ?? Group), entry);
        }

        return Record(FactKind.Relation, (byte)kind, Scope.FromName("o", group ?? Group), entry);
    }

    internal Situation Published(string at, string group = "", bool withdrawn = false)
    {
        var entry = new FactEntry { Effective = At(at), Withdrawn = withdrawn };
        if (withdrawn && group.Length > 0)
        {
            Record(FactKind.PublishedForOffers, 0, Scope.OfAnySpelling(group), entry);
        }

        return Record(FactKind.PublishedForOffers, 0, group.Length == 0 ? Scope.All : Scope.FromName(group), entry);
    }

    internal Situation Registered(string register, string since, uint categories = 0) =>
        Record(FactKind.Registration, 0, Scope.FromName(register), new FactEntry { Effective = At(since), Categories = categories });

    internal Situation Attempt(string at, string group = "")
    {
        Record(FactKind.Attempt, 0, Scope.FromName("o"), new FactEntry { Effective = At(at) });
        return Record(FactKind.Attempt, group.Length == 0 ? FactId.Unlabelled : (byte)0, Scope.OfAnySpelling("o", group), new FactEntry { Effective = At(at) });
    }

    /// <summary>An attempt as versions before the common spelling stored it.</summary>
    internal Situation AttemptAsSpelled(string at, string group)
    {
        Record(FactKind.Attempt, 0, Scope.FromName("o"), new FactEntry { Effective = At(at) });
        return Record(FactKind.Attempt, 0, Scope.FromName("o", group), new FactEntry { Effective = At(at) });
    }

    internal Situation Reserved(string at, string until, string group = "")
    {
        var entry = new FactEntry { Effective = At(at), Until = At(until) };
        Record(FactKind.Attempt, 0, Scope.FromName("o"), entry);
        return Record(FactKind.Attempt, group.Length == 0 ? FactId.Unlabelled : (byte)0, Scope.OfAnySpelling("o", group), entry);
    }

    internal Situation Refusal(string at) => Record(FactKind.Refusal, 0, Scope.FromName("o"), new FactEntry { Effective = At(at) });

    internal Situation Reassigned(string at, bool withdrawn = false) =>
        Record(FactKind.Reassignment, 0, Scope.All, new FactEntry { Effective = At(at), Withdrawn = withdrawn });

    internal Situation Stored(FactId id, byte[] value)
    {
        _timelines[id] = value;
        return this;
    }

    /// <summary>Removes what was recorded later, as if it never had been.</summary>
    internal Situation Forget(long knownAt)
    {
        foreach (var (id, value) in _timelines.ToList())
        {
            var entries = new FactEntry[Timeline.MaxEntries];
            var count = Timeline.Read(id.Kind, value, entries, out var cut);
            Assert.False(cut);
            var known = entries[..count].Where(entry => entry.Recorded * 1_000L is var at && (VersionsInEffect.Forbids(id.Kind, entry) ? at <= knownAt : at + 1_000 <= knownAt));
            _timelines.Remove(id);
            foreach (var entry in known)
            {
                Record(id.Kind, id.Detail, id.Scope, entry);
            }
        }

        return this;
    }

    /// <summary>Deletes what no longer has to be kept; returns the number of versions.</summary>
    internal int Retain(DateTimeOffset now)
    {
        var deleted = 0;
        var terms = RegimeSet.BuiltIn.Find(Number, now.ToUnixTimeMilliseconds())?.Retention;
        foreach (var (id, value) in _timelines.ToList())
        {
            if (terms?.DeleteBefore(id.Kind, now) is { } before && TimelineRetention.Compute(id, value, before, now.ToUnixTimeMilliseconds()) is { } after)
            {
                deleted += after.Gone.Count;
                _timelines.Remove(id);
                if (after.Value.Length > 0)
                {
                    _timelines[id] = after.Value;
                }
            }
        }

        return deleted;
    }

    internal byte[] Value(FactId id) => _timelines.GetValueOrDefault(id, []);

    internal IReadOnlyCollection<FactId> Ids => _timelines.Keys;

    internal (Rules? Rules, Question Question, StoredValue[] Values, RegisterSnapshots Snapshots) Ready(RegimeSet? regimes = null)
    {
        regimes ??= RegimeSet.BuiltIn;
        var question = Question;
        var rules = regimes.Find(Number, question.CallTime, question.Region);
        var values = new StoredValue[Decider.Slots];
        if (rules is not null)
        {
            Span<FactId> ids = stackalloc FactId[Decider.Slots];
            Span<byte> slots = stackalloc byte[Decider.Slots];
            var count = Decider.Plan(rules, question, ids, slots);
            for (var i = 0; i < count; i++)
            {
                values[slots[i]] = _timelines.GetValueOrDefault(ids[i]);
            }
        }

        return (rules, question, values, new RegisterSnapshots(regimes, _snapshots));
    }

    internal Decision Decide(RegimeSet? regimes = null)
    {
        var (rules, question, values, snapshots) = Ready(regimes);
        var decision = Decider.Decide(rules, question, values, snapshots);
        var explained = Decider.Explain(rules, question, values, snapshots).Decision;
        Assert.Equal(decision.Verdict, explained.Verdict);
        Assert.Equal(Reasons(decision), Reasons(explained));
        return decision;
    }

    private static (ReasonCode, Layer)[] Reasons(Decision decision) =>
        [.. Enumerable.Range(0, decision.ReasonCount).Select(i => decision.ReasonAt(i)).Select(reason => (reason.Code, reason.Text.Layer))];
}
