using CsCheck;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;
using Lookup.Testing.Regimes;

namespace Lookup.Tests.Decisions;

/// <summary>What must hold for any question and any facts; CsCheck prints the seed of a failure.</summary>
public sealed class DeciderPropertyTests
{
    // Every country, and areas with rules of their own.
    internal static readonly string[] Numbers =
    [
        "+31612345678", "+4915112345678", "+33612345678", "+919812345678", "+32470123456", "+393471234567", "+34612345678", "+34928123456",
        "+447400123456", "+442071234567", "+441315550123", "+442890123456",
        "+14165550123", "+16045550123", "+17095550123", "+61255500123", "+61870000123", "+61412345678",
        "+6561234567", "+27821234567", "+351912345678", "+351212345678", "+41446681800",
        "+48601000101", "+436641234101", "+4740612101", "+46701234101", "+4520123101", "+35312345101", "+353871234101",
        "+12125550123", "+13055550123", "+12035550123", "+12155550123", "+12015550123", "+14015550123", "+14055550123", "+12145550123",
        "+14105550123", "+12065550123",
    ];

    // None, one that no rule names, and some that rules name.
    private static readonly string[] Groups = ["", "energy", "press", "pensions", "renewable_energy", "electricity", "insurance", "health_insurance"];

    private static readonly string[] Registers = [.. RegimeSet.BuiltIn.Registers.Select(r => r.Name)];

    private static readonly string[] Regions = [.. RegimeSet.BuiltIn.Regions];

    // Mobile, of a range for callers, and ordinary ones.
    private static readonly ulong[] Callers = [34612345678, 34400123456, 34911234567, 33612345678, 33162345678, 33123456789, 911401234567, 911123456789, 12125550123];

    // By what they satisfy, the least first.
    private static readonly ConsentForm[] Forms = [ConsentForm.OralRecorded, ConsentForm.Unspecified, ConsentForm.Written, ConsentForm.Signed];

    private static readonly long First = Situation.At("2010-01-01");
    private static readonly long Last = Situation.At("2026-11-01");

    private static readonly Gen<(FactKind Kind, byte Detail, ulong Scope, FactEntry Entry)> GenFact =
        from kind in Gen.Int[1, 9]
        from detail in Gen.Int[1, 5]
        from scope in Gen.Int[0, Registers.Length - 1]
        from at in Gen.Long[First, Last]
        from length in Gen.Long[0, 5L * 365 * 86_400_000]
        from marks in Gen.Int[0, 31]
        from withdrawn in Gen.Int[0, 4]
        from categories in Gen.UInt[0, 3]
        from subscriber in Gen.Int[0, 3]
        from form in Gen.Int[0, 5]
        select Fact((FactKind)kind, (byte)detail, scope, new FactEntry
        {
            Effective = at,
            Until = length % 3 == 0 ? FactEntry.Open : at + 1 + length,
            Marks = (FactMarks)marks,
            Withdrawn = withdrawn == 0,
            Categories = categories,
            Subscriber = (SubscriberType)subscriber,
            Form = (ConsentForm)Math.Min(form, (int)ConsentForm.Appointment),
            Since = form >= (int)ConsentForm.Appointment ? at + (length % 86_400_000) + 1 : 0,
        });

    internal static readonly Gen<Func<Situation>> GenSituation = SituationsOf(Numbers);

    /// <summary>Returns any question about one of these numbers, with any facts.</summary>
    internal static Gen<Func<Situation>> SituationsOf(string[] numbers) =>
        from number in Gen.Int[0, numbers.Length - 1]
        from at in Gen.Long[First, Last]
        from facts in GenFact.Array[0, 8]
        from purpose in Gen.Int[1, 5]
        from kind in Gen.Int[0, 4]
        from sector in Gen.Enum<Sector>()
        from subscriber in Gen.Int[0, 3]
        from grouped in Gen.Int[0, Groups.Length - 1]
        from mode in Gen.Int[0, 4]
        from line in Gen.Enum<LineType>()
        from withheld in Gen.Int[0, 9]
        from caller in Gen.Int[0, 2 * Callers.Length]
        from requested in Gen.Long[0, 20L * 86_400_000]
        from region in Gen.Int[0, 2 * Regions.Length]
        select new Func<Situation>(() =>
        {
            var situation = new Situation(numbers[number], DateTimeOffset.FromUnixTimeMilliseconds(at).ToString("O"))
            {
                Purpose = (Purpose)purpose,
                Kind = (CallKind)kind,
                Sector = sector,
                Subscriber = (SubscriberType)subscriber,
                Group = Groups[grouped],
                Mode = (DiallingMode)mode,
                Line = line,
                Withheld = withheld == 0,
                Caller = withheld == 0 || caller >= Callers.Length ? 0 : Callers[caller],
                RequestedAt = requested % 3 == 0 ? 0 : at - requested,
                Region = region < Regions.Length ? Regions[region] : "",
            };
            foreach (var (factKind, detail, scope, entry) in facts)
            {
                situation.Record(factKind, detail, scope, entry);
            }

            return situation;
        });

    [Fact]
    public void Numbers_OfEveryCountry_AreTried()
    {
        var tried = Numbers.Select(CountryOf).ToHashSet();
        Assert.All(RegimeSet.BuiltInFiles(), f => Assert.Contains(Path.GetFileNameWithoutExtension(f.Key).ToUpperInvariant(), tried));
    }

    [Fact]
    public void Objection_AddedToAnything_NeverYieldsAllow() =>
        Gen.Select(GenSituation, Gen.Long[First, Last]).Sample(
            (make, at) =>
            {
                var before = make().Decide().Verdict;
                var after = make().Record(FactKind.Objection, 0, Scope.FromName("o"), new FactEntry { Effective = at }).Decide().Verdict;
                return before == Verdict.Allow || after != Verdict.Allow;
            },
            iter: 20_000);

    // An attempt is not among them: where a consent names a first contact, an attempt in time is that contact.
    [Fact]
    public void ForbiddingFact_AddedToAnything_NeverYieldsAllow() =>
        Gen.Select(GenSituation, Gen.Long[First, Last], Gen.Int[0, 6 + Registers.Length], Gen.Int[0, Groups.Length - 1]).Sample(
            (make, at, kind, group) =>
            {
                var before = make().Decide().Verdict;
                var after = make();
                var entry = new FactEntry { Effective = at };
                _ = kind switch
                {
                    0 => after.Record(FactKind.Objection, 0, Scope.All, entry),
                    1 => after.Record(FactKind.Refusal, 0, Scope.FromName("o"), entry),
                    2 => after.Record(FactKind.Consent, (byte)after.Purpose, Scope.FromName("o", Groups[group]), entry with { Withdrawn = true }),
                    3 => after.Record(FactKind.PublishedForOffers, 0, Scope.All, entry with { Withdrawn = true }),
                    4 => after.Record(FactKind.Consent, (byte)((byte)after.Purpose | FactId.Appointment), Scope.FromName("o", Groups[group]), entry with { Withdrawn = true }),
                    5 => after.Record(FactKind.Reassignment, 0, Scope.All, entry),
                    6 => after.Record(FactKind.Attempt, FactId.Abandoned, Scope.FromName("o"), entry),
                    _ => after.Record(FactKind.Registration, 0, Scope.FromName(Registers[kind - 7]), entry),
                };
                return before == Verdict.Allow || after.Decide().Verdict != Verdict.Allow;
            },
            iter: 60_000);

    // Countries that cap attempts name no first contact.
    [Fact]
    public void Attempt_AddedWhereAttemptsAreCapped_NeverYieldsAllow() =>
        Gen.Select(GenSituation, Gen.Long[First, Last]).Where((make, _) => make().Number.Value is < 31_000_000_000 or >= 32_000_000_000).Sample(
            (make, at) =>
            {
                var before = make().Decide().Verdict;
                var after = make();
                after.Record(FactKind.Attempt, 0, Scope.FromName("o"), new FactEntry { Effective = at });
                after.Record(FactKind.Attempt, FactId.Unlabelled, Scope.FromName("o"), new FactEntry { Effective = at });
                return before == Verdict.Allow || after.Decide().Verdict != Verdict.Allow;
            },
            iter: 20_000);

    [Fact]
    public void KnownAt_AnyMoment_DecidesAsIfLaterFactsWereNotRecorded() =>
        Gen.Select(GenSituation, Gen.Long[First, Last], Gen.Bool).Sample(
            (make, at, isNamed) =>
            {
                var (limited, forgotten) = (make(), make().Forget(at));
                (limited.KnownAt, limited.IsTimeNamed, forgotten.IsTimeNamed) = (at, isNamed, isNamed);
                var (expected, actual) = (forgotten.Decide(), limited.Decide());
                return (expected.Verdict, expected.Primary, expected.ValidUntil, expected.NextPermitted)
                    == (actual.Verdict, actual.Primary, actual.ValidUntil, actual.NextPermitted);
            },
            iter: 20_000);

    [Fact]
    public void Objection_NewerThanEveryFact_NeverAllowsMarketing() =>
        GenSituation.Sample(
            make =>
            {
                var situation = make();
                situation.Kind = CallKind.Marketing;
                situation.Record(FactKind.Objection, 0, Scope.FromName("o"), new FactEntry { Effective = situation.CallTime });
                var protectedBy = situation.Decide();

                // The old Dutch law left legal persons out, but policy keeps their objections.
                return protectedBy.Verdict != Verdict.Allow;
            },
            iter: 20_000);

    [Fact]
    public void Value_ThatCannotBeRead_NeverTurnsAnAnswerIntoAllow() =>
        Gen.Select(GenSituation, Gen.Int[0, 7]).Sample(
            (make, which) =>
            {
                var situation = make();
                if (situation.Ids.Count == 0)
                {
                    return true;
                }

                var before = situation.Decide().Verdict;
                situation.Stored(situation.Ids.ElementAt(which % situation.Ids.Count), [0x7f, 1, 2, 3]);
                return before == Verdict.Allow || situation.Decide().Verdict != Verdict.Allow;
            },
            iter: 20_000);

    [Fact]
    public void Layers_SwitchedOff_NeverForbidMore() =>
        GenSituation.Sample(
            make =>
            {
                var all = make();
                var law = make();
                law.Layers = Layers.Law;
                return all.Decide().Verdict != Verdict.Allow || law.Decide().Verdict == Verdict.Allow;
            },
            iter: 20_000);

    [Fact]
    public void StricterPolicies_SwitchedOn_NeverPermitMore() =>
        GenSituation.Sample(
            make =>
            {
                var strict = make();
                strict.Layers |= Layers.Strict;
                return make().Decide().Verdict == Verdict.Allow || strict.Decide().Verdict != Verdict.Allow;
            },
            iter: 20_000);

    // Attempts are counted by the label that they were given.
    [Fact]
    public void ProductGroup_SpeltOtherwise_NeverPermitsMore() =>
        GenSituation.Where(make => make().Ids.All(id => id.Kind != FactKind.Attempt)).Sample(
            make =>
            {
                var misspelt = make();
                misspelt.Group = misspelt.Group.Length == 0 ? "" : misspelt.Group.Insert(1, "-");
                return make().Decide().Verdict == Verdict.Allow || misspelt.Decide().Verdict != Verdict.Allow;
            },
            iter: 20_000);

    [Fact]
    public void Mode_MoreAutomated_NeverPermitsMore() =>
        Gen.Select(GenSituation, Gen.Int[1, 4], Gen.Int[1, 4], Gen.Bool.Select(law => law ? Layers.Law : Layers.Default)).Sample(
            (make, one, other, layers) =>
                VerdictWith(make, (DiallingMode)Math.Max(one, other), layers) != Verdict.Allow
                || VerdictWith(make, (DiallingMode)Math.Min(one, other), layers) == Verdict.Allow,
            iter: 20_000);

    // A random appointment is seldom near the call, so each of these has one that is, and a consent that says how it was given.
    [Fact]
    public void Form_ThatIsLess_NeverPermitsMore() =>
        Gen.Select(GenSituation, Gen.Int[0, Forms.Length - 1], Gen.Int[0, Forms.Length - 1], Gen.Bool.Select(law => law ? Layers.Law : Layers.Default | Layers.Strict)).Sample(
            (make, one, other, layers) =>
                WithConsent(make, Forms[Math.Min(one, other)], layers) != Verdict.Allow || WithConsent(make, Forms[Math.Max(one, other)], layers) == Verdict.Allow,
            iter: 20_000);

    [Fact]
    public void Appointment_TakenBackOrElsewhere_NeverPermitsMore() =>
        Gen.Select(GenSituation, Gen.Long[-30, 30], Gen.Int[0, 2]).Sample(
            (make, minutes, how) =>
            {
                Situation Near(bool takenBack)
                {
                    var situation = make();
                    var entry = new FactEntry { Effective = situation.CallTime - 86_400_000, Marks = FactMarks.Evidence };
                    var kept = entry with { Form = ConsentForm.Appointment, Since = situation.CallTime + (minutes * 60_000) };
                    situation.Record(FactKind.Consent, (byte)((byte)situation.Purpose | FactId.Appointment), Scope.FromName("o"), kept);
                    if (takenBack)
                    {
                        var later = entry with { Effective = entry.Effective + 3_600_000, Withdrawn = true };
                        situation.Record(FactKind.Consent, (byte)((byte)situation.Purpose | (how == 0 ? FactId.Appointment : 0)), Scope.FromName("o"), later);
                    }

                    return situation;
                }

                return Near(takenBack: true).Decide().Verdict != Verdict.Allow || Near(takenBack: false).Decide().Verdict == Verdict.Allow;
            },
            iter: 20_000);

    // A region takes away only the holidays of every area, which count where the area is not known.
    [Fact]
    public void Region_Named_NeverPermitsMore()
    {
        var placed = new RegimeVariant().RemoveUnplaced().Set();
        Gen.Select(GenSituation, Gen.Int[0, Regions.Length - 1].Select(i => Regions[i])).Sample(
            (make, region) =>
            {
                var (situation, unplaced) = (make(), make());
                (situation.Region, unplaced.Region) = (region, "");
                return situation.Decide().Verdict != Verdict.Allow || unplaced.Decide(placed).Verdict == Verdict.Allow;
            },
            iter: 20_000);
    }

    // With the policy, a line that is not stated is bound by the rules for each type.
    [Fact]
    public void Line_NotStated_NeverPermitsMoreThanEither() =>
        Gen.Select(GenSituation, Gen.Enum<LineType>()).Sample(
            (make, line) =>
            {
                var (stated, unstated) = (make(), make());
                (stated.Line, unstated.Line) = (line, LineType.Unspecified);
                return unstated.Decide().Verdict != Verdict.Allow || stated.Decide().Verdict == Verdict.Allow;
            },
            iter: 20_000);

    // With the stricter policies, what states no caller's number is bound by every rule on it.
    [Fact]
    public void Caller_NotStated_StrictlyNeverPermitsMoreThanANumber() =>
        Gen.Select(GenSituation, Gen.Int[0, Callers.Length - 1]).Sample(
            (make, caller) => WithCaller(make, 0) != Verdict.Allow || WithCaller(make, Callers[caller]) == Verdict.Allow, iter: 20_000);

    // Without the layer of policy a mode that is not stated counts as the least automated one.
    [Fact]
    public void Mode_NotStated_NeverPermitsMoreThanAPersonOrADialer() =>
        GenSituation.Sample(
            make =>
                (VerdictWith(make, DiallingMode.Unspecified, Layers.Default) != Verdict.Allow
                    || VerdictWith(make, DiallingMode.Predictive, Layers.Default) == Verdict.Allow)
                && (VerdictWith(make, DiallingMode.Unspecified, Layers.Law) != Verdict.Allow
                    || VerdictWith(make, DiallingMode.Manual, Layers.Law) == Verdict.Allow),
            iter: 20_000);

    [Fact]
    public void NextPermitted_Asked_IsPermitted() =>
        GenSituation.Sample(
            make =>
            {
                var now = make();
                var next = now.Decide().NextPermitted;
                if (next == 0)
                {
                    return true;
                }

                var later = make();
                later.CallTime = next;
                var verdict = later.Decide();

                // Facts already known to begin later, and snapshots that grow old, can still forbid; hours and caps may not.
                return !Enumerable.Range(0, verdict.ReasonCount).Any(i => verdict.ReasonAt(i).Code is
                    ReasonCode.OutsideHours or ReasonCode.Holiday);
            },
            iter: 20_000);

    /// <summary>Returns the country whose file decides on a number; null if none does.</summary>
    internal static string? CountryOf(string number) => RegimeSet.BuiltIn.Find(new Situation(number, "2026-11-01").Number, Last)?.Id.Split('-')[0];

    private static Verdict WithCaller(Func<Situation> make, ulong caller)
    {
        var situation = make();
        (situation.Caller, situation.Layers) = (caller, Layers.Default | Layers.Strict);
        return situation.Decide().Verdict;
    }

    private static Verdict WithConsent(Func<Situation> make, ConsentForm form, Layers layers)
    {
        var situation = make();
        situation.Layers = layers;
        situation.Record(FactKind.Consent, (byte)situation.Purpose, Scope.FromName("o"), new FactEntry
        {
            Effective = situation.CallTime - (5 * 86_400_000L),
            Marks = FactMarks.Evidence,
            Form = form,
        });
        return situation.Decide().Verdict;
    }

    private static Verdict VerdictWith(Func<Situation> make, DiallingMode mode, Layers layers)
    {
        var situation = make();
        (situation.Mode, situation.Layers) = (mode, layers);
        return situation.Decide().Verdict;
    }

    private static (FactKind, byte, ulong, FactEntry) Fact(FactKind kind, byte detail, int scope, FactEntry entry) => kind switch
    {
        FactKind.Registration => (kind, 0, Scope.FromName(Registers[scope]), entry),
        FactKind.Objection => (kind, 0, scope == 0 ? Scope.All : Scope.FromName(scope == 1 ? "x" : "o"), entry),
        FactKind.Consent when entry.Form == ConsentForm.Appointment => (kind, (byte)(detail | FactId.Appointment), Scope.FromName("o", Groups[scope % Groups.Length]), entry),
        FactKind.Consent or FactKind.Relation => (kind, detail, Scope.FromName("o", Groups[scope % Groups.Length]), entry),
        FactKind.PublishedForOffers => (kind, 0, scope % 2 == 0 ? Scope.All : Scope.FromName(Groups[scope % Groups.Length]), entry),
        FactKind.Attempt when scope == 7 => (kind, FactId.Unlabelled, Scope.FromName("o"), entry),
        FactKind.Attempt when scope == 8 => (kind, FactId.Abandoned, Scope.FromName("o"), entry),
        FactKind.Attempt => (kind, 0, Scope.FromName("o", Groups[scope % Groups.Length]), entry),
        FactKind.Refusal => (kind, 0, Scope.FromName("o"), entry),
        FactKind.Reassignment => (kind, 0, Scope.All, entry),
        _ => (FactKind.Subscriber, 0, Scope.All, entry),
    };
}
