using CsCheck;
using Lookup.Core;
using Lookup.Core.Facts;

namespace Lookup.Tests.Decisions;

/// <summary>Deleting what no longer has to be kept permits nothing, whenever it runs and whenever the call is.</summary>
public sealed class RetentionPropertyTests
{
    private const long Day = 86_400_000;

    private static readonly long First = Situation.At("2012-01-01");
    private static readonly long Last = Situation.At("2026-11-01");

    // A country with law of its own, one where a refusal is permanent, opt-in, opt-out, and a cap on attempts.
    private static readonly string[] Numbers = ["+4915112345678", "+33612345678", "+31612345678", "+442071234567", "+12125550123", "+6561234567"];

    private static readonly FactId[] Ids =
    [
        Consent("o"), Consent("o", "energy"), Spelled, Consent("o") with { Detail = (byte)Purpose.Commercial | FactId.Appointment },
        new(FactKind.Relation, (byte)RelationKind.Customer, Scope.FromName("o", "energy")), new(FactKind.Relation, (byte)RelationKind.Customer, Scope.FromName("o")),
        new(FactKind.Objection, 0, Scope.FromName("o")), new(FactKind.Objection, 0, Scope.All), new(FactKind.Refusal, 0, Scope.FromName("o")),
        new(FactKind.Attempt, 0, Scope.FromName("o")), new(FactKind.Attempt, FactId.Unlabelled, Scope.FromName("o")), new(FactKind.Reassignment, 0, Scope.All),
    ];

    private static readonly Gen<(FactId Id, FactEntry Entry)> GenFact =
        from id in Gen.Int[0, Ids.Length - 1]
        from at in Gen.OneOf(Gen.Long[First, Last], Gen.Int[0, 10].Select(year => First + (year * 365 * Day)))
        from length in Gen.OneOf(Gen.Const(FactEntry.Open), Gen.Long[1, 3 * 365 * Day])
        from late in Gen.OneOf(Gen.Const(0L), Gen.Long[0, 400_000], Gen.Long[0, 9 * 365 * Day])
        from withdrawn in Gen.Int[0, 2]
        from marks in Gen.Int[0, 31]
        from form in Gen.Int[0, 3]
        from source in Gen.UInt[0, 3]
        select (Ids[id], new FactEntry
        {
            Effective = at,
            Recorded = (uint)((at + late) / 1_000),
            Source = source,
            Withdrawn = withdrawn == 0,
            Until = length == FactEntry.Open || Ids[id].Kind == FactKind.Attempt ? FactEntry.Open : at + length,
            Marks = Ids[id].Kind is FactKind.Consent ? ((FactMarks)marks & (FactMarks.Verified | FactMarks.InLedger)) | (marks < 24 ? FactMarks.Evidence : 0) : Ids[id].Kind is FactKind.Relation ? FactMarks.ObtainedAtSale | FactMarks.OptOutOffered : 0,
            Form = (Ids[id].Detail & FactId.Appointment) != 0 && Ids[id].Kind == FactKind.Consent ? ConsentForm.Appointment : (ConsentForm)form,
            Since = (Ids[id].Detail & FactId.Appointment) != 0 && Ids[id].Kind == FactKind.Consent ? at + Day : 0,
        });

    private static FactId Spelled => new(FactKind.Consent, (byte)Purpose.Commercial, Scope.OfAnySpelling("o", "energy"));

    // The same facts before and after the run; a call at any later time.
    [Fact]
    public void Run_AtAnyTime_TurnsNoLaterCallToAllow()
    {
        var (deleted, allowed, changed) = (0, 0, 0);
        Gen.Select(
            Gen.Int[0, Numbers.Length - 1], GenFact.Array[1, 24], Gen.Long[Situation.At("2018-01-01"), Last + (10 * 365 * Day)], Gen.OneOf(Gen.Const(0L), Gen.Long[0, 12 * 365 * Day]).Array[4],
            Gen.Bool, Gen.Bool, Gen.Int[0, 4]).Sample(
            (number, facts, run, later, grouped, named, subscriber) =>
            {
                foreach (var after in later)
                {
                    var call = DateTimeOffset.FromUnixTimeMilliseconds(run + after).ToString("O");
                    var (kept, retained) = (Make(), Make());
                    var count = retained.Retain(DateTimeOffset.FromUnixTimeMilliseconds(run));
                    var (was, now) = (kept.Decide().Verdict, retained.Decide().Verdict);
                    Interlocked.Add(ref deleted, count);
                    Interlocked.Add(ref allowed, was == Verdict.Allow ? 1 : 0);
                    Interlocked.Add(ref changed, was != now ? 1 : 0);
                    if (now == Verdict.Allow && was != Verdict.Allow)
                    {
                        return false;
                    }

                    Situation Make()
                    {
                        var situation = new Situation(Numbers[number], call)
                        {
                            Group = grouped ? "energy" : "",
                            IsTimeNamed = named,
                            Subscriber = (SubscriberType)Math.Min(subscriber, 3),
                        };
                        foreach (var (id, entry) in facts)
                        {
                            situation.Record(id.Kind, id.Detail, id.Scope, entry);
                        }

                        return situation;
                    }
                }

                return true;
            },
            iter: 30_000);
        // The property means something only if much was deleted, and some calls were permitted.
        Assert.True(deleted > 30_000, $"{deleted} deleted");
        Assert.True(allowed > 300, $"{allowed} allowed");
    }

    [Theory]
    // Expired, withdrawn or replaced long ago; what forbids stays.
    [InlineData("+4915112345678", "2015-01-01..2016-01-01", "")]
    [InlineData("+4915112345678", "2015-01-01 2016-01-01-", "2016-01-01-")]
    [InlineData("+4915112345678", "2013-01-01 2015-01-01..2016-01-01", "")]
    [InlineData("+4915112345678", "2013-01-01..2014-01-01 2015-01-01", "2015-01-01")]
    // Not yet: it permits, or ended less than five years ago.
    [InlineData("+4915112345678", "2015-01-01", "2015-01-01")]
    [InlineData("+4915112345678", "2015-01-01..2022-06-01", "2015-01-01..2022-06-01")]
    [InlineData("+4915112345678", "2015-01-01 2022-06-01-", "2015-01-01 2022-06-01-")]
    // France keeps the proof of a consent for three years.
    [InlineData("+33612345678", "2015-01-01..2022-06-01", "")]
    public void Run_Consents_DeletesWhatEndedBeforeTheTerm(string number, string facts, string left)
    {
        var id = Consent("o");
        var situation = new Situation(number, "2026-10-01");
        foreach (var fact in facts.Split(' '))
        {
            var parts = fact.Split("..");
            situation.Consent(parts[0][..10], parts.Length > 1 ? parts[1] : null, withdrawn: fact.EndsWith('-'));
        }

        situation.Retain(DateTimeOffset.FromUnixTimeMilliseconds(Situation.At("2026-10-01")));
        var expected = new Situation(number, "2026-10-01");
        foreach (var fact in left.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = fact.Split("..");
            expected.Consent(parts[0][..10], parts.Length > 1 ? parts[1] : null, withdrawn: fact.EndsWith('-'));
        }

        Assert.Equal(expected.Value(id), situation.Value(id));
    }

    [Theory]
    [InlineData(FactKind.Objection, "2010-01-01", "2010-01-01")]
    [InlineData(FactKind.Objection, "2010-01-01 2015-01-01-", "")]
    [InlineData(FactKind.Objection, "2010-01-01 2024-01-01-", "2010-01-01 2024-01-01-")]
    [InlineData(FactKind.Objection, "2010-01-01 2015-01-01- 2016-01-01", "2016-01-01")]
    [InlineData(FactKind.Attempt, "2010-01-01 2015-01-01 2024-01-01", "2024-01-01")]
    [InlineData(FactKind.Refusal, "2010-01-01 2015-01-01", "")]
    public void Run_OtherKinds_DeletesWhatForbidsNoMore(FactKind kind, string facts, string left)
    {
        var (situation, expected) = (Make(facts), Make(left));
        situation.Retain(DateTimeOffset.FromUnixTimeMilliseconds(Situation.At("2026-10-01")));
        Assert.Equal(expected.Value(new FactId(kind, 0, Scope.FromName("o"))), situation.Value(new FactId(kind, 0, Scope.FromName("o"))));

        Situation Make(string versions)
        {
            var made = new Situation("+4915112345678", "2026-10-01");
            foreach (var version in versions.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                made.Record(kind, 0, Scope.FromName("o"), new FactEntry { Effective = Situation.At(version[..10]), Withdrawn = version.EndsWith('-') });
            }

            return made;
        }
    }

    [Fact]
    public void Run_RefusalsWhereOneForbidsAllLaterCalls_StayForEver()
    {
        var situation = new Situation("+33612345678", "2040-01-01").Refusal("2015-01-01");
        Assert.Equal(0, situation.Retain(DateTimeOffset.FromUnixTimeMilliseconds(Situation.At("2040-01-01"))));
    }

    [Fact]
    public void Run_ConsentsOfACutHistory_BecomeBareWithdrawals()
    {
        var situation = new Situation("+4915112345678", "2026-10-01");
        for (var year = 2001; year <= 2012; year++)
        {
            situation.Consent($"{year}-01-01", $"{year}-06-01");
        }

        Assert.Equal(Timeline.MaxEntries, situation.Retain(DateTimeOffset.FromUnixTimeMilliseconds(Situation.At("2026-10-01"))));
        var entries = new FactEntry[Timeline.MaxEntries];
        Assert.Equal(Timeline.MaxEntries, Timeline.Read(FactKind.Consent, situation.Value(Consent("o")), entries, out var cut));
        Assert.True(cut);
        Assert.All(entries, entry => Assert.True(entry is { Withdrawn: true, Source: FactSource.Others, Marks: 0 }));
        // They are withdrawals now, which forbid.
        Assert.Equal(0, situation.Retain(DateTimeOffset.FromUnixTimeMilliseconds(Situation.At("2040-10-01"))));
    }

    [Fact]
    public void EveryCountry_OfTheBuiltInRules_StatesHowLongItsRecordsAreKept() =>
        Assert.All(DeciderPropertyTests.Numbers, number =>
        {
            var retention = new Situation(number, "2026-10-01").Ready().Rules!.Retention;
            Assert.NotNull(retention);
            Assert.All(
                new[] { FactKind.Consent, FactKind.Relation, FactKind.Objection, FactKind.Attempt },
                kind => Assert.NotNull(retention.DeleteBefore(kind, DateTimeOffset.UnixEpoch.AddYears(60))));
            Assert.All(
                new[] { FactKind.Registration, FactKind.Reassignment, FactKind.Subscriber, FactKind.PublishedForOffers },
                kind => Assert.Null(retention.DeleteBefore(kind, DateTimeOffset.UnixEpoch.AddYears(60))));
        });

    private static FactId Consent(string organisation, string group = "") =>
        new(FactKind.Consent, (byte)Purpose.Commercial, Scope.FromName(organisation, group));
}
