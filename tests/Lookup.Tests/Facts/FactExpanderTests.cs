using CsCheck;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;

namespace Lookup.Tests.Facts;

public sealed class FactExpanderTests : IDisposable
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeMilliseconds(TimelineSamples.Noon);
    private static readonly PhoneNumber Number = new(31612345678);

    private readonly NumberCipher _cipher = new(new byte[32]);
    private readonly FactExpander _expander;

    public FactExpanderTests() => _expander = new FactExpander(new Registers(), _cipher, new FixedClock());

    public void Dispose() => _cipher.Dispose();

    private static Fact Of(FactKind kind) => new() { Number = Number, Kind = kind, Source = "test" };

    private static Fact Objection => Of(FactKind.Objection) with { Organisation = "acme" };

    private static Fact Consent => Of(FactKind.Consent) with
    {
        Organisation = "acme",
        Purposes = [Purpose.Commercial],
        Since = Now.AddDays(-1),
        Evidence = new Evidence("rec-1"),
    };

    private static Fact Relation => Of(FactKind.Relation) with
    {
        Organisation = "acme",
        Relation = RelationKind.Customer,
        Since = Now.AddYears(-2),
    };

    private static Fact Registration => Of(FactKind.Registration) with { Register = "nl-bmnr", Since = Now.AddYears(-3) };

    [Fact]
    public void TryExpand_Objection_IsOneFactOfTheOrganisation()
    {
        var stored = Assert.Single(Expand(Objection with { Reason = "said so" }));
        Assert.Equal(_cipher.Encrypt(Number), stored.Key);
        Assert.Equal(new FactId(FactKind.Objection, 0, Scope.FromName("acme")), stored.Id);
        Assert.Equal("acme", stored.ScopeName);
        Assert.Equal(
            new FactEntry { Effective = TimelineSamples.Noon, Recorded = (uint)(TimelineSamples.Noon / 1000), Source = 7 },
            stored.Entry);
        Assert.Equal("""{"reason":"said so"}""", stored.Detail);
    }

    [Fact]
    public void TryExpand_ObjectionToAll_HasScopeAll()
    {
        var stored = Assert.Single(Expand(Objection with { Organisation = "*" }));
        Assert.Equal(Scope.All, stored.Id.Scope);
        Assert.Null(stored.Detail);
    }

    [Fact]
    public void TryExpand_ConsentForPurposes_IsOneFactForEach()
    {
        var stored = Expand(Consent with
        {
            Purposes = [Purpose.Commercial, Purpose.Survey, Purpose.Commercial],
            ProductGroup = "energy",
            Until = Now.AddYears(1),
            FirstContactMonths = 12,
            Verified = true,
            OptOutOffered = true,
        });
        var scope = Scope.FromName("acme", "energy");
        Assert.Equal(
            [new FactId(FactKind.Consent, (byte)Purpose.Commercial, scope), new FactId(FactKind.Consent, (byte)Purpose.Survey, scope)],
            stored.Select(fact => fact.Id));
        Assert.All(stored, fact =>
        {
            Assert.Equal("acme/energy", fact.ScopeName);
            Assert.Equal(Now.AddDays(-1).ToUnixTimeMilliseconds(), fact.Entry.Effective);
            Assert.Equal(Now.AddYears(1).ToUnixTimeMilliseconds(), fact.Entry.Until);
            Assert.Equal(FactMarks.Evidence | FactMarks.Verified, fact.Entry.Marks);
            Assert.Equal(12, fact.Entry.FirstContactMonths);
            Assert.Equal(0, fact.Entry.Since);
            Assert.Equal("""{"evidence":{"reference":"rec-1"}}""", fact.Detail);
        });
    }

    [Fact]
    public void TryExpand_ConsentWithoutEvidence_IsKeptWithoutTheMark() =>
        Assert.Equal(FactMarks.None, Assert.Single(Expand(Consent with { Evidence = null })).Entry.Marks);

    [Fact]
    public void TryExpand_Appointment_IsKeptBesideTheConsent()
    {
        var agreed = Now.AddDays(3);
        var appointment = Consent with { Purposes = [Purpose.Commercial], Form = ConsentForm.Appointment, Appointment = agreed };
        var stored = Assert.Single(Expand(appointment));
        Assert.Equal((byte)Purpose.Commercial | FactId.Appointment, stored.Id.Detail);
        Assert.Equal((ConsentForm.Appointment, agreed.ToUnixTimeMilliseconds()), (stored.Entry.Form, stored.Entry.Since));

        Assert.Equal(stored.Id, Assert.Single(Expand(appointment with { Withdrawn = true, Appointment = null, Effective = Now })).Id);
        Assert.Equal((byte)Purpose.Commercial, Assert.Single(Expand(appointment with { Form = ConsentForm.Signed, Appointment = null })).Id.Detail);
    }

    [Fact]
    public void TryExpand_ConsentWithdrawnWithoutPurposes_WithdrawsAllAsOfNow()
    {
        var stored = Expand(Consent with { Withdrawn = true, Purposes = [] });
        Assert.Equal([1, 2, 3, 4, 5], stored.Select(fact => (int)fact.Id.Detail));
        Assert.All(stored, fact =>
        {
            Assert.True(fact.Entry.Withdrawn);
            Assert.Equal(TimelineSamples.Noon, fact.Entry.Effective);
            Assert.Equal(FactMarks.None, fact.Entry.Marks);
        });
    }

    [Fact]
    public void TryExpand_Relation_KeepsSinceOnlyWhereItDiffers()
    {
        var plain = Assert.Single(Expand(Relation with { ObtainedAtSale = true, OptOutOffered = true, Verified = true }));
        Assert.Equal(new FactId(FactKind.Relation, (byte)RelationKind.Customer, Scope.FromName("acme")), plain.Id);
        Assert.Equal(Now.AddYears(-2).ToUnixTimeMilliseconds(), plain.Entry.Effective);
        Assert.Equal(0, plain.Entry.Since);
        Assert.Equal(FactMarks.ObtainedAtSale | FactMarks.OptOutOffered, plain.Entry.Marks);

        var later = Assert.Single(Expand(Relation with { Effective = Now.AddDays(-1), Until = Now.AddDays(-1) }));
        Assert.Equal(Now.AddDays(-1).ToUnixTimeMilliseconds(), later.Entry.Effective);
        Assert.Equal(Now.AddYears(-2).ToUnixTimeMilliseconds(), later.Entry.Since);
        Assert.Equal(Now.AddDays(-1).ToUnixTimeMilliseconds(), later.Entry.Until);
    }

    [Fact]
    public void TryExpand_Registration_TurnsCategoriesIntoBits()
    {
        var all = Assert.Single(Expand(Registration));
        Assert.Equal(new FactId(FactKind.Registration, 0, Scope.FromName("nl-bmnr")), all.Id);
        Assert.Equal(0u, all.Entry.Categories);
        Assert.Equal(Now.AddYears(-3).ToUnixTimeMilliseconds(), all.Entry.Effective);
        Assert.Equal(0b101u, Assert.Single(Expand(Registration with { Categories = ["finance", "energy"] })).Entry.Categories);
    }

    [Theory]
    [InlineData("")]
    [InlineData("energy")]
    public void TryExpand_AbandonedAttempt_CountsAsAnAttemptAndAsAbandonedInEveryGroup(string group)
    {
        var attempt = Of(FactKind.Attempt) with { Organisation = "acme", ProductGroup = group };
        Assert.Equal(
            [.. Expand(attempt).Select(fact => fact.Id), new FactId(FactKind.Attempt, FactId.Abandoned, Scope.FromName("acme"))],
            Expand(attempt with { Abandoned = true }).Select(fact => fact.Id));
    }

    [Fact]
    public void TryExpand_Attempt_CountsForTheOrganisationAndForTheSubject()
    {
        var attempt = Of(FactKind.Attempt) with { Organisation = "acme" };
        Assert.Equal(
            [new FactId(FactKind.Attempt, 0, Scope.FromName("acme")), new FactId(FactKind.Attempt, FactId.Unlabelled, Scope.FromName("acme"))],
            Expand(attempt).Select(fact => fact.Id));
        Assert.All(Expand(attempt), fact => Assert.Equal("acme", fact.ScopeName));
        var stored = Expand(attempt with { ProductGroup = "energy" });
        Assert.Equal(["acme", "acme/energy"], stored.Select(fact => fact.ScopeName));
        Assert.Equal([Scope.FromName("acme"), Scope.FromName("acme", "energy")], stored.Select(fact => fact.Id.Scope));
    }

    [Fact]
    public void TryExpand_LastTransaction_IsKeptIfItIsLaterThanTheBegin()
    {
        var last = Now.AddMonths(-1);
        Assert.Equal(last.ToUnixTimeMilliseconds(), Assert.Single(Expand(Relation with { LastTransaction = last })).Entry.LastTransaction);
        Assert.Equal(Assert.Single(Expand(Relation)).Entry, Assert.Single(Expand(Relation with { LastTransaction = Relation.Since })).Entry);
    }

    [Fact]
    public void TryExpand_OtherKinds_HaveTheirScopes()
    {
        Assert.Equal(new FactId(FactKind.Refusal, 0, Scope.FromName("acme")), Assert.Single(Expand(Of(FactKind.Refusal) with { Organisation = "acme" })).Id);
        Assert.Equal(new FactId(FactKind.PublishedForOffers, 0, Scope.All), Assert.Single(Expand(Of(FactKind.PublishedForOffers) with { Effective = Now })).Id);
        var published = Assert.Single(Expand(Of(FactKind.PublishedForOffers) with { ProductGroup = "roofs", Effective = Now }));
        Assert.Equal((Scope.FromName("roofs"), "roofs"), (published.Id.Scope, published.ScopeName));
        var subscriber = Assert.Single(Expand(Of(FactKind.Subscriber) with { Subscriber = SubscriberType.SoleTrader, Effective = Now }));
        Assert.Equal((Scope.All, SubscriberType.SoleTrader), (subscriber.Id.Scope, subscriber.Entry.Subscriber));
    }

    public static TheoryData<string, string> RpcErrors => new()
    {
        { nameof(WrongFacts.NoKind), "kind" },
        { nameof(WrongFacts.NoNumber), "number" },
        { nameof(WrongFacts.NoSource), "source" },
        { nameof(WrongFacts.LongTexts), "source actor reason" },
        { nameof(WrongFacts.Ahead), "effective" },
        { nameof(WrongFacts.TooEarly), "effective" },
        { nameof(WrongFacts.SinceAhead), "relation.since" },
        { nameof(WrongFacts.TwoTimes), "effective" },
        { nameof(WrongFacts.ExpiresAtOnce), "consent.expires" },
        { nameof(WrongFacts.EndsBeforeItBegins), "relation.until" },
        { nameof(WrongFacts.EndsFarAway), "consent.expires" },
        { nameof(WrongFacts.TransactionBeforeTheRelation), "relation.last_transaction" },
        { nameof(WrongFacts.TransactionAfterTheRelation), "relation.last_transaction" },
        { nameof(WrongFacts.TransactionAhead), "relation.last_transaction" },
        { nameof(WrongFacts.NoOrganisation), "objection.organisation" },
        { nameof(WrongFacts.UpperCase), "objection.organisation" },
        { nameof(WrongFacts.Slash), "objection.organisation" },
        { nameof(WrongFacts.LongName), "objection.organisation" },
        { nameof(WrongFacts.ConsentToAll), "consent.organisation" },
        { nameof(WrongFacts.RefusalToAll), "refusal.organisation" },
        { nameof(WrongFacts.GroupOfAll), "published_for_offers.product_group" },
        { nameof(WrongFacts.NoPurposes), "consent.purposes" },
        { nameof(WrongFacts.UnknownPurpose), "consent.purposes" },
        { nameof(WrongFacts.Months), "consent.first_contact_months" },
        { nameof(WrongFacts.UnknownForm), "consent.form" },
        { nameof(WrongFacts.AppointmentWithoutTime), "consent.appointment" },
        { nameof(WrongFacts.TimeWithoutAppointment), "consent.appointment" },
        { nameof(WrongFacts.AppointmentBeforeCapture), "consent.appointment" },
        { nameof(WrongFacts.EmptyEvidence), "consent.evidence.reference" },
        { nameof(WrongFacts.BadEvidence), "consent.evidence.reference consent.evidence.sha256 consent.evidence.text_version consent.evidence.channel consent.evidence.locale" },
        { nameof(WrongFacts.NoRelation), "relation.relation" },
        { nameof(WrongFacts.NoSubscriberType), "subscriber.type" },
        { nameof(WrongFacts.UnknownRegister), "registration.register" },
        { nameof(WrongFacts.UnknownCategories), "registration.categories registration.categories" },
        { nameof(WrongFacts.PartlyWithdrawn), "registration.categories" },
        { nameof(WrongFacts.UndatedConsent), "consent.captured" },
        { nameof(WrongFacts.UndatedRelation), "relation.since" },
        { nameof(WrongFacts.UndatedPublication), "effective" },
        { nameof(WrongFacts.UndatedSoleTrader), "effective" },
        { nameof(WrongFacts.UndatedLegalPerson), "effective" },
        { nameof(WrongFacts.UndatedObjectionWithdrawn), "effective" },
        { nameof(WrongFacts.UndatedRefusalWithdrawn), "effective" },
        { nameof(WrongFacts.UndatedReassignmentWithdrawn), "effective" },
        { nameof(WrongFacts.UndatedAttemptWithdrawn), "effective" },
        { nameof(WrongFacts.UndatedRegistrationWithdrawn), "effective" },
        { nameof(WrongFacts.UndatedSubscriberWithdrawn), "effective" },
        { nameof(WrongFacts.ManyAtOnce), "source effective attempt.organisation attempt.product_group" },
    };

    [Theory]
    [MemberData(nameof(RpcErrors))]
    public void TryExpand_WrongFact_NamesEveryWrongField(string name, string fields)
    {
        var fact = (Fact)typeof(WrongFacts).GetProperty(name)!.GetValue(null)!;
        var output = new List<StoredFact>();
        var faults = new List<FieldFault>();
        Assert.False(_expander.TryExpand(fact, 7, output, faults));
        Assert.Empty(output);
        Assert.Equal(fields, string.Join(' ', faults.Select(fault => fault.Field)));
        Assert.All(faults, fault => Assert.EndsWith(".", fault.Description, StringComparison.Ordinal));
    }

    [Fact]
    public void TryExpand_PermitWithinFiveMinutesAhead_IsTaken() =>
        Assert.Single(Expand(Consent with { Since = Now.AddMinutes(5) }));

    public static TheoryData<string> Forbidding =>
    [
        nameof(ForbiddingFacts.Objection), nameof(ForbiddingFacts.Refusal), nameof(ForbiddingFacts.Attempt), nameof(ForbiddingFacts.Registration), nameof(ForbiddingFacts.Reassignment),
        nameof(ForbiddingFacts.Consumer), nameof(ForbiddingFacts.ConsentWithdrawn), nameof(ForbiddingFacts.RelationWithdrawn),
        nameof(ForbiddingFacts.PublicationWithdrawn),
    ];

    [Theory]
    [MemberData(nameof(Forbidding))]
    public void TryExpand_WhatForbids_NeedsNoTimeAndMayLieFarAhead(string name)
    {
        var fact = (Fact)typeof(ForbiddingFacts).GetProperty(name)!.GetValue(null)!;
        Assert.All(Expand(fact), stored => Assert.Equal(TimelineSamples.Noon, stored.Entry.Effective));
        var ahead = Now.AddYears(2);
        Assert.All(Expand(fact with { Effective = ahead }), stored => Assert.Equal(ahead.ToUnixTimeMilliseconds(), stored.Entry.Effective));
    }

    // The clock that stated such an end was probably ahead.
    [Theory]
    [InlineData(300_000, 0)]
    [InlineData(300_001, 300_001)]
    [InlineData(-1, -1)]
    public void TryExpand_EndJustAhead_IsNow(long ahead, long stored)
    {
        Assert.Equal(TimelineSamples.Noon + stored, Assert.Single(Expand(Relation with { Until = Now.AddMilliseconds(ahead) })).Entry.Until);
        Assert.Equal(TimelineSamples.Noon + stored, Assert.Single(Expand(Consent with { Until = Now.AddMilliseconds(ahead) })).Entry.Until);
    }

    [Fact]
    public void TryExpand_SinglePurchase_MayEndWhenItBegins() =>
        Assert.Single(Expand(Relation with { Until = Now.AddYears(-2) }));

    // Whatever is not refused can be stored and read back.
    [Fact]
    public void TryExpand_AnyFactTaken_IsATimeline() =>
        Gen.Select(TimelineSamples.Kind, Gen.Bool, Gen.Long[-400, 400], Gen.Long[-400, 400], Gen.Long[-400, 400], Gen.Int[0, 7])
            .Sample((kind, withdrawn, effective, since, until, set) =>
            {
                var fact = Of(kind) with
                {
                    Organisation = "acme",
                    Register = "nl-bmnr",
                    Purposes = [Purpose.Charity],
                    Relation = RelationKind.Donor,
                    Subscriber = SubscriberType.Consumer,
                    Withdrawn = withdrawn,
                    Effective = (set & 1) == 0 ? null : Now.AddDays(effective),
                    Since = (set & 2) == 0 ? null : Now.AddDays(since),
                    Until = (set & 4) == 0 ? null : Now.AddDays(until),
                };
                var output = new List<StoredFact>();
                if (!_expander.TryExpand(fact, 1, output, []))
                {
                    return;
                }

                Assert.NotEmpty(output);
                Assert.All(output, stored =>
                {
                    var read = TimelineSamples.ReadAll(kind, Timeline.Single(kind, stored.Entry), out _);
                    Assert.Equal([stored.Entry], read);
                });
            });

    private List<StoredFact> Expand(Fact fact)
    {
        var output = new List<StoredFact>();
        var faults = new List<FieldFault>();
        Assert.True(_expander.TryExpand(fact, 7, output, faults), string.Join(' ', faults));
        Assert.Empty(faults);
        return output;
    }

    internal static class WrongFacts
    {
        private static readonly string Long = new('x', 2000);

        public static Fact NoKind => Of(FactKind.None);
        public static Fact NoNumber => Objection with { Number = default };
        public static Fact NoSource => Objection with { Source = " " };
        public static Fact LongTexts => Objection with { Source = Long, Actor = Long, Reason = Long };
        public static Fact Ahead => Objection with { Withdrawn = true, Effective = Now.AddMinutes(5).AddMilliseconds(1) };
        public static Fact TooEarly => Objection with { Effective = DateTimeOffset.UnixEpoch };
        public static Fact SinceAhead => Relation with { Since = Now.AddDays(1) };
        public static Fact TwoTimes => Consent with { Effective = Now };
        public static Fact ExpiresAtOnce => Consent with { Until = Now.AddDays(-1) };
        public static Fact EndsBeforeItBegins => Relation with { Until = Now.AddYears(-2).AddSeconds(-1) };
        public static Fact TransactionBeforeTheRelation => Relation with { LastTransaction = Now.AddYears(-2).AddSeconds(-1) };
        public static Fact TransactionAfterTheRelation => Relation with { Until = Now.AddYears(-1), LastTransaction = Now.AddYears(-1).AddSeconds(1) };
        public static Fact TransactionAhead => Relation with { LastTransaction = Now.AddHours(1) };
        public static Fact EndsFarAway => Consent with { Until = DateTimeOffset.MaxValue };
        public static Fact NoOrganisation => Objection with { Organisation = "" };
        public static Fact UpperCase => Objection with { Organisation = "Acme" };
        public static Fact Slash => Objection with { Organisation = "acme/energy" };
        public static Fact LongName => Objection with { Organisation = new string('a', 65) };
        public static Fact ConsentToAll => Consent with { Organisation = "*" };
        public static Fact RefusalToAll => Of(FactKind.Refusal) with { Organisation = "*" };
        public static Fact GroupOfAll => Of(FactKind.PublishedForOffers) with { ProductGroup = "*", Effective = Now };
        public static Fact NoPurposes => Consent with { Purposes = [] };
        public static Fact UnknownPurpose => Consent with { Purposes = [Purpose.Charity, (Purpose)6, Purpose.None] };
        public static Fact Months => Consent with { FirstContactMonths = 121 };
        public static Fact UnknownForm => Consent with { Form = (ConsentForm)5 };
        public static Fact AppointmentWithoutTime => Consent with { Form = ConsentForm.Appointment };
        public static Fact TimeWithoutAppointment => Consent with { Form = ConsentForm.Written, Appointment = Now.AddDays(1) };
        public static Fact AppointmentBeforeCapture => Consent with { Form = ConsentForm.Appointment, Appointment = Now.AddDays(-1) };
        public static Fact EmptyEvidence => Consent with { Evidence = new Evidence("") };
        public static Fact BadEvidence => Consent with { Evidence = new Evidence(Long, "abc", Long, Long, Long) };
        public static Fact NoRelation => Relation with { Relation = RelationKind.None };
        public static Fact NoSubscriberType => Of(FactKind.Subscriber);
        public static Fact UnknownRegister => Registration with { Register = "moon" };
        public static Fact UnknownCategories => Registration with { Categories = ["energy", "moon", Long] };
        public static Fact PartlyWithdrawn => Registration with { Withdrawn = true, Effective = Now, Categories = ["energy"] };
        public static Fact ManyAtOnce => Of(FactKind.Attempt) with { Source = "", Effective = Now.AddYears(-90), ProductGroup = "A" };
        public static Fact UndatedConsent => Consent with { Since = null };
        public static Fact UndatedRelation => Relation with { Since = null };
        public static Fact UndatedPublication => Of(FactKind.PublishedForOffers);
        public static Fact UndatedSoleTrader => Of(FactKind.Subscriber) with { Subscriber = SubscriberType.SoleTrader };
        public static Fact UndatedLegalPerson => Of(FactKind.Subscriber) with { Subscriber = SubscriberType.LegalPerson };
        public static Fact UndatedObjectionWithdrawn => Objection with { Withdrawn = true };
        public static Fact UndatedRefusalWithdrawn => Of(FactKind.Refusal) with { Organisation = "acme", Withdrawn = true };
        public static Fact UndatedAttemptWithdrawn => Of(FactKind.Attempt) with { Organisation = "acme", Withdrawn = true };
        public static Fact UndatedRegistrationWithdrawn => Registration with { Withdrawn = true };
        public static Fact UndatedReassignmentWithdrawn => Of(FactKind.Reassignment) with { Withdrawn = true };
        public static Fact UndatedSubscriberWithdrawn => Of(FactKind.Subscriber) with { Withdrawn = true };
    }

    internal static class ForbiddingFacts
    {
        public static Fact Objection => FactExpanderTests.Objection;
        public static Fact Refusal => Of(FactKind.Refusal) with { Organisation = "acme" };
        public static Fact Attempt => Of(FactKind.Attempt) with { Organisation = "acme" };
        public static Fact Reassignment => Of(FactKind.Reassignment);
        public static Fact Registration => FactExpanderTests.Registration with { Since = null };
        public static Fact Consumer => Of(FactKind.Subscriber) with { Subscriber = SubscriberType.Consumer };
        public static Fact ConsentWithdrawn => Consent with { Since = null, Withdrawn = true };
        public static Fact RelationWithdrawn => Relation with { Since = null, Withdrawn = true };
        public static Fact PublicationWithdrawn => Of(FactKind.PublishedForOffers) with { Withdrawn = true };
    }

    private sealed class FixedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => Now;
    }

    [Fact]
    public void TryExpand_NameWithTheScopeOfARegister_IsRefused()
    {
        // No such pair is known: a catalog whose register has the scope of another name stands in for one.
        var expander = new FactExpander(new Registers { Taken = Scope.FromName("acme", "tv") }, _cipher, new FixedClock());
        Assert.Empty(Faults(Consent));
        Assert.Equal("consent.product_group", Assert.Single(Faults(Consent with { ProductGroup = "tv" })));
        Assert.Equal("attempt.product_group", Assert.Single(Faults(Of(FactKind.Attempt) with { Organisation = "acme", ProductGroup = "tv" })));
        Assert.Empty(Faults(Registration));

        List<string> Faults(Fact fact)
        {
            var (stored, faults) = (new List<StoredFact>(), new List<FieldFault>());
            Assert.Equal(expander.TryExpand(fact, 2, stored, faults), faults.Count == 0);
            Assert.Equal(faults.Count == 0, stored.Count > 0);
            return [.. faults.Select(fault => fault.Field)];
        }
    }

    [Theory]
    [InlineData("+31612345678", "nl-bmnr", null)]
    [InlineData("+12125550123", "us-dnc", null)]
    [InlineData("+12125550123", "us-fl-dnc", null)]
    [InlineData("+48512200009", "us-dnc", "This register has numbers of +1; it forbids no call to a number of +48. Check the number and the register.")]
    [InlineData("+447400000101", "nl-bmnr", "This register has numbers of +31; it forbids no call to a number of +44. Check the number and the register.")]
    public void Warnings_RegisterOfAnotherCountry_IsNamed(string number, string register, string? expected)
    {
        Assert.True(PhoneNumber.TryParse(number, out var parsed, out _));
        var warnings = new FactExpander(RegimeSet.BuiltIn, _cipher, new FixedClock()).Warnings(Registration with { Number = parsed, Register = register });
        Assert.Equal(expected, warnings?.Single().Description);
        Assert.Equal(expected is null ? null : "registration.register", warnings?.Single().Field);
    }

    private sealed class Registers : IRegisterCatalog
    {
        public ulong Taken { get; init; }

        public string? RegisterOf(ulong scope) => Taken != 0 && scope == Taken ? "nl-bmnr" : null;

        public bool TryGetRegister(string name, out IReadOnlyList<string> categories)
        {
            categories = ["energy", "telecom", "finance"];
            return name == "nl-bmnr";
        }
    }
}
