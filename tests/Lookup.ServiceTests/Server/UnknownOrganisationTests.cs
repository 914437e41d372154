using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.Cli.Gates;
using Lookup.Client;
using Lookup.Core.Access;
using Lookup.Redis;
using Lookup.ServiceTests.Access;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>An ALLOW for an organisation that nothing is known of says so: under a misspelt name its objections do not count.</summary>
public sealed class UnknownOrganisationTests(LookupServer server) : IClassFixture<LookupServer>
{
    private static int _next;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task EveryEntryPoint_MisspeltOrganisation_AllowsWithTheFurtherReason()
    {
        var known = NewName();
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number, known)));
        Assert.Equal(Verdict.Deny, (await server.Lookup.CheckAsync(Check(number, known))).Decision.Verdict);

        var misspelt = known + "x";
        var question = ToCompany(misspelt);
        Assert.Equal(Verdict.Allow, (await server.Lookup.CheckAsync(Check(number, misspelt))).Decision.Verdict);
        Assert.True(await IsWarnedOfAsync(misspelt, number));
        var exact = Check(number, misspelt);
        exact.Consistency = new Consistency { Exact = true };
        AssertWarns((await server.Lookup.CheckAsync(exact)).Decision);
        AssertWarns((await server.Lookup.ExplainAsync(new ExplainRequest { Number = number, Question = question })).Decision);
        AssertWarns((await server.Lookup.CheckBatchAsync(new CheckBatchRequest { Numbers = { number }, Question = question })).Common);
        var hypothetical = new CheckBatchRequest { Numbers = { number }, Question = question, WhatIfs = { new WhatIf { CallTime = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon) } } };
        AssertWarns(Assert.Single((await server.Lookup.CheckBatchAsync(hypothetical)).Answers).Decision);
        await using (var stream = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = ToCompany(known + "y") }))
        {
            AssertWarns((await stream.AskTextsAsync(1, number)).Common);
        }

        var reserved = Check(number, known + "z");
        reserved.Reserve = new Reserve { Duration = Duration.FromTimeSpan(TimeSpan.FromMinutes(1)) };
        AssertWarns((await server.Lookup.CheckAsync(reserved)).Decision);
    }

    [Fact]
    public async Task Check_AfterTheResultsOfCalls_StillWarns()
    {
        var name = NewName();
        var number = Samples.NewNumber();
        foreach (var outcome in new[] { CallOutcome.NoAnswer, CallOutcome.Refused })
        {
            await server.Facts.RecordOutcomeAsync(Samples.Outcome(number, outcome, name));
        }

        Assert.True(await IsWarnedOfAsync(name));
        Assert.True(await IsWarnedOfAsync(name));
        // A fact makes the name known although results of calls came first, and results after it change nothing.
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(Samples.NewNumber(), name)));
        await EventuallyKnownAsync(name);
        await server.Facts.RecordOutcomeAsync(Samples.Outcome(number, CallOutcome.NoAnswer, name));
        Assert.False(await IsWarnedOfAsync(name));
    }

    [Theory]
    [InlineData("objection")]
    [InlineData("consent of a product group")]
    [InlineData("record")]
    public async Task Check_OrganisationWith_DoesNotWarn(string what)
    {
        var name = NewName();
        Assert.True(await IsWarnedOfAsync(name));
        var consent = Samples.Consent(Samples.NewNumber(), name);
        consent.Consent.ProductGroup = "energy";
        _ = what switch
        {
            "record" => (object)await server.Registry.PutOrganisationAsync(new PutOrganisationRequest { Organisation = new Organisation { Name = name } }, cancellationToken: Token),
            "objection" => await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(Samples.NewNumber(), name))),
            _ => await server.Facts.RecordFactsAsync(Samples.Record(consent)),
        };
        await EventuallyKnownAsync(name);
    }

    [Fact]
    public async Task Check_OrganisationWithAGrant_DoesNotWarn()
    {
        await using var guarded = await GuardedServer.StartAsync();
        var client = new LookupService.LookupServiceClient(guarded.As(await guarded.KeyAsync("dialer", Roles.Check, "granted")));
        Assert.Single((await client.CheckAsync(Check(Samples.NewNumber(), "granted"))).Decision.Reasons);
    }

    [Fact]
    public async Task Check_NameThatCannotBeRead_IsUnavailable()
    {
        var store = new TroubledStore(await LookupServer.EmbeddedAsync());
        await using var troubled = await LookupServer.StartAsync(store);
        store.NameTrouble = _ => throw new StoreUnavailableException(StoreFault.Unreachable, "planted");
        var failure = await Assert.ThrowsAsync<RpcException>(() => troubled.Lookup.CheckAsync(Check(Samples.NewNumber(), NewName())).ResponseAsync);
        Assert.Equal(StatusCode.Unavailable, failure.StatusCode);
    }

    [Fact]
    public async Task Gate_MisspeltOrganisation_IsWarnedOfInTheAnswerAndTheSummary()
    {
        using var client = new LookupClient(new LookupClientOptions { Address = server.Host.GrpcAddress, TimeProvider = new ManualClock() });
        var result = await client.CheckAsync(Samples.NewNumber(), ToCompany(NewName()), new CheckOptions(), Token);
        var answer = GateAnswer.From(result);
        Assert.True(answer.MayCall);
        Assert.Equal("ORGANISATION_NOT_KNOWN", answer.Warning);
        var tally = new GateTally();
        tally.Add(answer, TimeSpan.Zero);
        Assert.Contains("allow 1 (ORGANISATION_NOT_KNOWN 1)", tally.Format(json: false), StringComparison.Ordinal);
        Assert.Equal(1, (int)JsonNode.Parse(tally.Format(json: true))!["allowedWithWarning"]!["ORGANISATION_NOT_KNOWN"]!);
    }

    [Fact]
    public async Task Audit_MisspeltOrganisation_CountsThePermittedCalls()
    {
        using var folder = new TempFolder();
        var path = folder.Write("calls.csv", $"dst,start\n{Samples.NewNumber()},2024-03-12T11:00:00Z\n{Samples.NewNumber()},2024-03-12T11:05:00Z\n");
        string[] audit = ["audit", path, "--column", "dst", "--time", "start", "--org", NewName(), "--purpose", "commercial", "--subscriber", "legal-person", "--address", server.Host.GrpcAddress.ToString()];
        var run = await CliRun.Async(audit);
        Assert.Contains("warning: 2 permitted calls: organisation_not_known", run.Output.ReplaceLineEndings(" "), StringComparison.Ordinal);
    }

    // The instance asks the store again after the freshness bound.
    private async Task EventuallyKnownAsync(string name)
    {
        while (await IsWarnedOfAsync(name))
        {
            await Task.Delay(20, Token);
        }
    }

    private async Task<bool> IsWarnedOfAsync(string name, string? number = null)
    {
        var decision = (await server.Lookup.CheckAsync(Check(number ?? Samples.NewNumber(), name), cancellationToken: Token)).Decision;
        Assert.Equal(Verdict.Allow, decision.Verdict);
        return decision.Reasons.Any(reason => reason.Code == ReasonCode.OrganisationNotKnown);
    }

    private static void AssertWarns(Decision decision) =>
        Assert.Equal(ReasonCode.OrganisationNotKnown, decision.Reasons[^1].Code);

    private static string NewName() => $"unheard-{Interlocked.Increment(ref _next)}";

    private static Question ToCompany(string organisation) => new() { Organisation = organisation, Purpose = Purpose.Commercial, Subscriber = SubscriberType.LegalPerson };

    private static CheckRequest Check(string number, string organisation) => new() { Number = number, Question = ToCompany(organisation) };
}
