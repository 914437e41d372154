using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

public sealed class CheckTests(LookupServer server) : IClassFixture<LookupServer>
{
    [Fact]
    public async Task Check_NothingOnRecordWhereConsentIsNeeded_Denies()
    {
        var answer = await server.Lookup.CheckAsync(Samples.Check(Samples.NewNumber()));
        Assert.Equal(Verdict.Deny, answer.Decision.Verdict);
        Assert.Equal(ReasonCode.NoConsent, answer.Decision.Reasons[0].Code);
        Assert.Equal("NL-2", answer.Decision.Regime);
        Assert.Null(answer.Decision.ReusableUntil);
        Assert.NotEmpty(answer.Decision.Reasons[0].Article);
        Assert.InRange(answer.Decision.Age.ToTimeSpan().TotalMilliseconds, 0, server.Options.FreshnessBoundMs);
    }

    [Fact]
    public async Task Check_Consent_AllowsUntilTheFreshnessBoundAtMost()
    {
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        var answer = await InTime.AskAsync(async () => await server.Lookup.CheckAsync(Samples.Check(number)), answer => answer.Decision);
        var decision = answer.Decision;
        Assert.Equal(Verdict.Allow, decision.Verdict);
        Assert.Equal(ReasonCode.Consent, Assert.Single(decision.Reasons).Code);
        Assert.False(decision.Hypothetical);
        // What it rests on must not grow older than the bound while it is reused.
        var reusable = decision.ReusableUntil.ToDateTime() - decision.CallTime.ToDateTime();
        Assert.Equal(reusable, decision.ReusableFor.ToTimeSpan());
        var left = TimeSpan.FromMilliseconds(server.Options.FreshnessBoundMs) - decision.Age.ToTimeSpan();
        // Shorter by as much as the registry is older than the facts.
        Assert.InRange(reusable, TimeSpan.FromTicks(1), left + TimeSpan.FromMilliseconds(1));
        Assert.True(decision.ValidUntil.ToDateTime() > decision.CallTime.ToDateTime());
    }

    [Fact]
    public async Task Check_AnswerValidShorterThanTheBound_ReusableOnlySoLong()
    {
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        var consent = Samples.Consent(number);
        consent.Consent.Captured = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(-5));
        consent.Consent.Expires = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddMinutes(10));
        await server.Facts.RecordFactsAsync(Samples.Record(consent));
        var decision = (await InTime.AskAsync(async () => await server.Lookup.CheckAsync(Samples.Check(number)), answer => answer.Decision)).Decision;
        Assert.Equal(Verdict.Allow, decision.Verdict);
        Assert.Equal(consent.Consent.Expires, decision.ValidUntil);
        Assert.True(decision.ReusableUntil.ToDateTime() <= decision.ValidUntil.ToDateTime());
    }

    [Fact]
    public async Task Check_ObjectionAfterConsent_DeniesAtOnce()
    {
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)));
        var answer = await server.Lookup.CheckAsync(Samples.Check(number));
        Assert.Equal(Verdict.Deny, answer.Decision.Verdict);
        Assert.Equal(ReasonCode.Objection, answer.Decision.Reasons[0].Code);
    }

    [Fact]
    public async Task Check_NationalFormWithRegion_AnswersForTheSameNumber()
    {
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        var request = Samples.Check("0" + number[3..]);
        request.DefaultRegion = "NL";
        var answer = await server.Lookup.CheckAsync(request);
        Assert.Equal(number, answer.Number);
        Assert.Equal(Verdict.Allow, answer.Decision.Verdict);
    }

    [Fact]
    public async Task Check_AllReasons_GivesTheOtherReasonsToo()
    {
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)));
        var request = Samples.Check(number);
        request.Question.CallerNumberWithheld = true;
        request.AllReasons = true;
        var codes = (await server.Lookup.CheckAsync(request)).Decision.Reasons.Select(r => r.Code).ToList();
        Assert.Contains(ReasonCode.Objection, codes);
        Assert.Contains(ReasonCode.CallerNumberWithheld, codes);
    }

    [Fact]
    public async Task Check_CountryWithoutRegime_IsNotCovered()
    {
        var answer = await server.Lookup.CheckAsync(Samples.Check("+5997151234"));
        Assert.Equal(Verdict.NotCovered, answer.Decision.Verdict);
        Assert.Equal(ReasonCode.NoRegime, answer.Decision.Reasons[0].Code);
        Assert.Null(answer.Decision.ReusableUntil);
    }

    [Fact]
    public async Task Check_WhatIfAtNight_IsHypotheticalAndNotReusable()
    {
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        var request = Samples.Check(number);
        request.WhatIf = new WhatIf { CallTime = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddHours(9)) };
        var night = (await server.Lookup.CheckAsync(request)).Decision;
        Assert.Equal(Verdict.Deny, night.Verdict);
        Assert.Equal(ReasonCode.OutsideHours, night.Reasons[0].Code);
        Assert.True(night.Hypothetical);
        Assert.NotNull(night.NextPermittedTime);

        request.WhatIf.SwitchedOffLayers.Add(Layer.Code);
        var lawOnly = (await server.Lookup.CheckAsync(request)).Decision;
        Assert.Equal(Verdict.Allow, lawOnly.Verdict);
        Assert.True(lawOnly.Hypothetical);
        Assert.Null(lawOnly.ReusableUntil);
        Assert.Null(lawOnly.ReusableFor);
    }

    [Fact]
    public async Task Check_TokenOfAWrite_IsSatisfied()
    {
        var number = Samples.NewNumber();
        var written = await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        var request = Samples.Check(number);
        request.Consistency = new Consistency { AtLeastAsFresh = written.ConsistencyToken };
        var first = await server.Lookup.CheckAsync(request);
        Assert.Equal(Verdict.Allow, first.Decision.Verdict);

        request.Consistency = new Consistency { AtLeastAsFresh = first.Decision.ConsistencyToken };
        Assert.Equal(Verdict.Allow, (await server.Lookup.CheckAsync(request)).Decision.Verdict);
    }

    [Fact]
    public async Task Check_Exact_Answers()
    {
        var request = Samples.Check(Samples.NewNumber());
        request.Consistency = new Consistency { Exact = true };
        Assert.Equal(Verdict.Deny, (await server.Lookup.CheckAsync(request)).Decision.Verdict);
    }

    [Fact]
    public async Task Explain_Consent_TellsStepsFactsAndText()
    {
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        var answer = await server.Lookup.ExplainAsync(new ExplainRequest { Number = number, Question = Samples.Question() });
        Assert.Equal(Verdict.Allow, answer.Decision.Verdict);
        Assert.NotEmpty(answer.Steps);
        Assert.NotEmpty(answer.Text);
        var fact = Assert.Single(answer.Facts);
        Assert.True(fact.Current);
        Assert.Equal("acme", fact.Fact.Consent.Organisation);
        Assert.Equal("web form 12", fact.Fact.Source);
        Assert.Equal("rec-77", fact.Fact.Consent.Evidence.Reference);
    }

    [Fact]
    public async Task Log_AfterChecksAndRefusals_HoldsNoNumber()
    {
        var number = Samples.NewNumber();
        await server.Lookup.CheckAsync(Samples.Check(number));
        await Assert.ThrowsAsync<RpcException>(() => server.Lookup.CheckAsync(Samples.Check(number + "x")).ResponseAsync);
        Assert.DoesNotContain(number[3..], server.Log.All, StringComparison.Ordinal);
    }
}
