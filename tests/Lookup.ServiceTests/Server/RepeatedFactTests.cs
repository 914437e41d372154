using Google.Protobuf.WellKnownTypes;
using Lookup.V1;
using Outcome = Lookup.V1.FactResult.Types.Outcome;

namespace Lookup.ServiceTests.Server;

/// <summary>Recording a consent again never lifts an objection, and clocks that differ never delay one.</summary>
public sealed class RepeatedFactTests(LookupServer server) : IClassFixture<LookupServer>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<string> Ways => ["record", "stream"];

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Consent_RecordedAgainAfterAnObjection_LiftsNothing(string way)
    {
        var number = Samples.NewNumber();
        await RecordAsync(way, Samples.Consent(number));
        Assert.Equal(Verdict.Allow, await VerdictAsync(server, number));
        await RecordAsync("record", Samples.Objection(number));
        Assert.Equal(Verdict.Deny, await VerdictAsync(server, number));

        await RecordAsync(way, Samples.Consent(number));
        Assert.Equal(Verdict.Deny, await VerdictAsync(server, number));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Consent_RecordedAgainAfterItsWithdrawal_CountsForNothing(string way)
    {
        var number = Samples.NewNumber();
        await RecordAsync(way, Samples.Consent(number));
        var withdrawal = Samples.Consent(number);
        (withdrawal.Withdrawn, withdrawal.Consent.Captured, withdrawal.Consent.Expires) = (true, null, null);
        await RecordAsync(way, withdrawal);
        await RecordAsync(way, Samples.Consent(number));
        Assert.Equal(Verdict.Deny, await VerdictAsync(server, number));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Consent_WithoutATime_IsRefused(string way)
    {
        var consent = Samples.Consent(Samples.NewNumber());
        consent.Consent.Captured = null;
        var errors = way == "record"
            ? (await server.Facts.RecordFactsAsync(Samples.Record(consent, Samples.Objection(Samples.NewNumber())), cancellationToken: Token)).Results[0].Errors
            : (await ImportAsync(consent)).Refused[0].Errors;
        Assert.Equal("consent.captured", Assert.Single(errors).Field);
    }

    [Fact]
    public async Task Outcome_OfADialerWhoseClockIsWrong_ForbidsFromItsAcknowledgement()
    {
        foreach (var (minutes, outcome) in new[] { (4, CallOutcome.Objection), (600, CallOutcome.Objection), (-4, CallOutcome.Objection) })
        {
            var number = Samples.NewNumber();
            await RecordAsync("record", Samples.Consent(number));
            var request = Samples.Outcome(number, outcome);
            request.Called = Timestamp.FromDateTimeOffset(server.Clock.GetUtcNow().AddMinutes(minutes));
            await server.Facts.RecordOutcomeAsync(request, cancellationToken: Token);
            Assert.Equal(Verdict.Deny, await VerdictAsync(server, number));

            // Captured before the objection was acknowledged, whatever the dialer's clock said.
            var between = Samples.Consent(number);
            between.Consent.Captured = Timestamp.FromDateTimeOffset(server.Clock.GetUtcNow().AddMinutes(-1));
            await RecordAsync("stream", between);
            Assert.True((await server.Facts.RecordOutcomeAsync(request, cancellationToken: Token)).Unchanged);
            Assert.Equal(Verdict.Deny, await VerdictAsync(server, number));
        }
    }

    [Fact]
    public async Task Request_ThatSeemsLaterBecauseItsClockIsAhead_DoesNotLiftAnObjection()
    {
        var number = Samples.NewNumber();
        await RecordAsync("record", Samples.Objection(number));
        var check = Samples.Check(number);
        check.Question.Kind = CallKind.Requested;
        check.Question.RequestedAt = Timestamp.FromDateTimeOffset(server.Clock.GetUtcNow().AddMinutes(3));
        Assert.Equal(Verdict.Deny, (await server.Lookup.CheckAsync(check, cancellationToken: Token)).Decision.Verdict);
    }

    [Theory]
    [InlineData(0, -60)]
    [InlineData(60, 0)]
    [InlineData(150, -150)]
    public async Task Objection_AcknowledgedAtAnInstance_ForbidsAtOneWhoseClockDiffers(int firstSeconds, int secondSeconds)
    {
        await using var store = await LookupServer.EmbeddedAsync();
        await using var first = await LookupServer.StartAsync(store, clock: Shifted(firstSeconds), ownsStore: false);
        await using var second = await LookupServer.StartAsync(store, clock: Shifted(secondSeconds), ownsStore: false);
        foreach (var fact in new Func<string, Fact>[] { n => Samples.Objection(n), n => Samples.Objection(n, "*"), Withdrawal })
        {
            var number = Samples.NewNumber();
            var consented = await first.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)), cancellationToken: Token);
            Assert.Equal(Verdict.Allow, await VerdictAsync(second, number, consented.ConsistencyToken));
            var recorded = await first.Facts.RecordFactsAsync(Samples.Record(fact(number)), cancellationToken: Token);
            Assert.Equal(Verdict.Deny, await VerdictAsync(second, number, recorded.ConsistencyToken));
            Assert.Equal(Verdict.Deny, await VerdictAsync(first, number, recorded.ConsistencyToken));
        }

        static ShiftedClock Shifted(int seconds) => new(ShiftedClock.Afternoon.AddSeconds(seconds));
    }

    [Fact]
    public async Task Objection_RecordedWhileTheClockWasADayAhead_ForbidsOnceItIsSetRight()
    {
        var clock = new SteppingClock();
        await using var ahead = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), clock: clock);
        foreach (var fact in new Func<string, Fact>[] { n => Samples.Objection(n), Withdrawal })
        {
            var number = Samples.NewNumber();
            await ahead.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)), cancellationToken: Token);
            clock.AdvanceWall(TimeSpan.FromDays(1));
            await ahead.Facts.RecordFactsAsync(Samples.Record(fact(number)), cancellationToken: Token);
            clock.AdvanceWall(TimeSpan.FromDays(-1));
            Assert.Equal(Verdict.Deny, await VerdictAsync(ahead, number));
            var listed = await ahead.Facts.ListFactsAsync(new ListFactsRequest { Number = number }, cancellationToken: Token);
            Assert.Contains(listed.Facts, known => known.Current && known.Fact.Effective.ToDateTimeOffset() > clock.GetUtcNow());
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Fact_RecordedWhileTheClockWasBehind_ForbidsOnceItIsSetRight(bool byAnotherProcess)
    {
        var (clock, behind) = (new SteppingClock(), new SteppingClock());
        await using var store = await LookupServer.EmbeddedAsync();
        await using var first = await LookupServer.StartAsync(store, clock: clock, ownsStore: false);
        string[] numbers = [Samples.NewNumber(), Samples.NewNumber(), Samples.NewNumber()];
        Fact[] consents = [.. numbers.Select(n => ConsentOf(n, clock.GetUtcNow().AddHours(-1)))];
        await first.Facts.RecordFactsAsync(Samples.Record(consents), cancellationToken: Token);
        Assert.Equal(Verdict.Allow, await VerdictAsync(first, numbers[0]));

        var wrong = byAnotherProcess ? behind : clock;
        wrong.AdvanceWall(TimeSpan.FromDays(-1));
        await using var second = byAnotherProcess ? await LookupServer.StartAsync(store, clock: behind, ownsStore: false) : null;
        var recorder = second ?? first;
        var recorded = await recorder.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(numbers[0]), Withdrawal(numbers[1])), cancellationToken: Token);
        var erased = await recorder.Facts.EraseNumberAsync(new EraseNumberRequest { Number = numbers[2], Source = "letter" }, cancellationToken: Token);
        wrong.AdvanceWall(TimeSpan.FromDays(1));

        // Each token covers the partitions of its own facts.
        foreach (var (number, token) in numbers.Zip([recorded.ConsistencyToken, recorded.ConsistencyToken, erased.ConsistencyToken]))
        {
            Assert.Equal(Verdict.Deny, await VerdictAsync(first, number, token));
        }

        var again = await first.Facts.RecordFactsAsync(Samples.Record(consents), cancellationToken: Token);
        foreach (var number in numbers)
        {
            Assert.Equal(Verdict.Deny, await VerdictAsync(first, number, again.ConsistencyToken));
        }

        // A consent captured later lifts them, as always.
        clock.AdvanceWall(TimeSpan.FromHours(1));
        var later = await first.Facts.RecordFactsAsync(Samples.Record(ConsentOf(numbers[0], clock.GetUtcNow())), cancellationToken: Token);
        Assert.Equal(Verdict.Allow, await VerdictAsync(first, numbers[0], later.ConsistencyToken));

        static Fact ConsentOf(string number, DateTimeOffset captured)
        {
            var consent = Samples.Consent(number);
            consent.Consent.Captured = Timestamp.FromDateTimeOffset(captured);
            consent.Consent.Expires = null;
            return consent;
        }
    }

    [Fact]
    public async Task Import_FileOfConsentsAgainAfterObjections_LiftsNone()
    {
        using var folder = new TempFolder();
        string[] numbers = [Samples.NewNumber(), Samples.NewNumber(), Samples.NewNumber()];
        var file = folder.Write("c.csv", "number,evidence,since\n" + string.Concat(numbers.Select(n => $"{n},form 1,2024-03-01T10:00:00+01:00\n")));
        string[] import =
            ["import", file, "--set", "kind=consent", "--set", "organisation=acme", "--set", "purposes=commercial", "--address", server.Host.GrpcAddress.ToString()];
        Assert.Equal(0, (await CliRun.Async(import)).ExitCode);
        Assert.Equal(Verdict.Allow, await VerdictAsync(server, numbers[0]));
        Assert.Equal(0, (await CliRun.Async("record", "objection", numbers[0], "--org", "acme", "--address", server.Host.GrpcAddress.ToString())).ExitCode);
        Assert.Equal(0, (await CliRun.Async("record", "consent", numbers[1], "--org", "acme", "--withdrawn", "--address", server.Host.GrpcAddress.ToString())).ExitCode);
        await server.Facts.EraseNumberAsync(new EraseNumberRequest { Number = numbers[2], Source = "letter" }, cancellationToken: Token);

        Assert.Equal(0, (await CliRun.Async(import)).ExitCode);
        foreach (var number in numbers)
        {
            Assert.Equal(Verdict.Deny, await VerdictAsync(server, number));
        }
    }

    [Theory]
    [InlineData("record consent +31612345678 --org acme --purposes commercial --evidence x", "--since is missing")]
    [InlineData("record relation +31612345678 --org acme --relation customer", "--since is missing")]
    [InlineData("record subscriber +31612345678 --subscriber legal_person", "--effective is missing")]
    [InlineData("record objection +31612345678 --org acme --withdrawn", "--effective is missing")]
    public async Task Record_WhatCanPermitWithoutATime_IsAUsageError(string command, string message)
    {
        var run = await CliRun.Async([.. command.Split(' '), "--address", server.Host.GrpcAddress.ToString()]);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(message, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Record_WhatMayNotBeMeant_IsRecordedWithAWarning()
    {
        var consent = Samples.Consent(Samples.NewNumber());
        consent.Consent.Evidence = null;
        var ahead = Samples.Objection(Samples.NewNumber());
        ahead.Effective = Timestamp.FromDateTimeOffset(server.Clock.GetUtcNow().AddDays(400));
        var misspelt = Samples.Objection(Samples.NewNumber(), $"acme{Samples.NewNumber()[1..]}");
        Fact[] facts = [consent, ahead, misspelt, Samples.Consent(Samples.NewNumber())];
        await RecordAsync("record", Samples.Consent(Samples.NewNumber()));

        var imported = await ImportAsync([.. facts.Select(fact => fact.Clone())]);
        Assert.Equal(["consent.evidence", "effective", "objection.organisation"], imported.Warnings.Select(one => one.Warning.Field));
        Assert.Equal([(1u, 0u), (1u, 1u), (1u, 2u)], imported.Warnings.Select(one => (one.Count, one.FirstIndex)));
        var recorded = await server.Facts.RecordFactsAsync(Samples.Record(facts), cancellationToken: Token);
        Assert.Equal(
            ["consent.evidence", "effective", "", ""], recorded.Results.Select(result => result.Warnings.SingleOrDefault()?.Field ?? ""));
        Assert.Equal(Verdict.Deny, await VerdictAsync(server, ahead.Number));

        var run = await CliRun.Async(
            "record", "objection", Samples.NewNumber(), "--org", misspelt.Objection.Organisation + "x", "--address", server.Host.GrpcAddress.ToString());
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("warning: --org: No organisation of this name", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Record_AllRefused_IsAnErrorOfTheRequest()
    {
        var body = new StringContent(
            """{"facts":[{"number":"123","source":"form","objection":{"organisation":"Acme Ltd"}}]}""", System.Text.Encoding.UTF8, "application/json");
        using var response = await server.Http.PostAsync(new Uri("/v1/facts", UriKind.Relative), body, Token);
        var answer = await response.Content.ReadAsStringAsync(Token);
        Assert.Equal(System.Net.HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("facts[0].number", answer, StringComparison.Ordinal);
        Assert.Contains("facts[0].objection.organisation", answer, StringComparison.Ordinal);

        var run = await CliRun.Async("record", "objection", "123", "--org", "acme", "--address", server.Host.GrpcAddress.ToString());
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("The opt-out is NOT recorded; this person can still be called.", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Import_OptOutsRefused_SaysThatThesePeopleCanStillBeCalled()
    {
        using var folder = new TempFolder();
        var file = folder.Write("o.csv", $"number,effective\n{Samples.NewNumber()},\n123,\n{Samples.NewNumber()},yesterday\n");
        var run = await CliRun.Async(
            "import", file, "--set", "kind=objection", "--set", "organisation=acme", "--address", server.Host.GrpcAddress.ToString());
        Assert.Equal(3, run.ExitCode);
        Assert.Contains("2 opt-outs are NOT recorded; these people can still be called.", run.Output, StringComparison.Ordinal);
    }

    private static Fact Withdrawal(string number) =>
        new() { Number = number, Source = "letter", Withdrawn = true, Consent = new Consent { Organisation = "acme" } };

    private static async Task<Verdict> VerdictAsync(LookupServer server, string number, string token = "")
    {
        var request = Samples.Check(number);
        request.Consistency = token.Length > 0 ? new Consistency { AtLeastAsFresh = token } : new Consistency { Exact = true };
        return (await server.Lookup.CheckAsync(request, cancellationToken: Token)).Decision.Verdict;
    }

    private async Task RecordAsync(string way, Fact fact)
    {
        if (way == "record")
        {
            var recorded = await server.Facts.RecordFactsAsync(Samples.Record(fact), cancellationToken: Token);
            Assert.NotEqual(Outcome.Refused, Assert.Single(recorded.Results).Outcome);
        }
        else
        {
            Assert.Empty((await ImportAsync(fact)).Refused);
        }
    }

    private async Task<ImportFactsResponse> ImportAsync(params Fact[] facts)
    {
        using var call = server.Facts.ImportFacts(cancellationToken: Token);
        await call.RequestStream.WriteAsync(new ImportFactsRequest { Sequence = 1, Facts = { facts } }, Token);
        Assert.True(await call.ResponseStream.MoveNext(Token));
        var answer = call.ResponseStream.Current;
        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(Token));
        return answer;
    }
}
