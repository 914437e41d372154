using Google.Rpc;
using Grpc.Core;
using Lookup.Core.Access;
using Lookup.ServiceTests.Access;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>
/// A product group that somebody looked for has the same scope as another organisation. Its facts must neither count nor be told, nor can its
/// place be taken.
/// </summary>
public sealed class ScopeCollisionTests : IAsyncLifetime
{
    private const string Victim = "v012339f";
    private const string Group = "g1f02995";

    private GuardedServer _guarded = null!;
    private string _all = null!;
    private string _acme = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private LookupService.LookupServiceClient Lookup => new(_guarded.As(_acme));

    private FactService.FactServiceClient Facts => new(_guarded.As(_all));

    public async ValueTask InitializeAsync()
    {
        Assert.Equal(Core.Facts.Scope.FromName(Victim), Core.Facts.Scope.FromName("acme", Group));
        _guarded = await GuardedServer.StartAsync(configure: options => options.ShadowListEvery = 1);
        _all = await _guarded.KeyAsync("all", Roles.Check | Roles.Write | Roles.Watch, "*");
        _acme = await _guarded.KeyAsync("acme", Roles.Check | Roles.Write | Roles.Watch, "acme");
    }

    public ValueTask DisposeAsync() => _guarded.DisposeAsync();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Check_GroupWithTheScopeOfAnother_IsUnknownAndTheOthersIsAllowed(bool exact)
    {
        var number = Samples.NewNumber();
        await RecordAsync(Samples.Consent(number, Victim));
        Assert.Equal(Verdict.Deny, (await Lookup.CheckAsync(Of(number, "", exact), cancellationToken: Token)).Decision.Verdict);
        // Several times: what is read at first is cached afterwards.
        for (var i = 0; i < 3; i++)
        {
            var decision = (await Lookup.CheckAsync(Of(number, Group, exact), cancellationToken: Token)).Decision;
            Assert.Equal((Verdict.Unknown, ReasonCode.RecordUnreadable), (decision.Verdict, decision.Reasons[0].Code));
        }

        var own = await new LookupService.LookupServiceClient(_guarded.As(_all)).CheckAsync(Samples.Check(number, Victim), cancellationToken: Token);
        Assert.Equal(Verdict.Allow, own.Decision.Verdict);
        Assert.True((await MetricsAsync()).Contains("lookup_foreign_scopes_total ", StringComparison.Ordinal));
        Assert.Equal(1, Count(_guarded.Server.Log.All, $"Facts of {Victim} do not count for acme/{Group}"));
    }

    [Fact]
    public async Task CheckStream_GroupWithTheScopeOfAnother_IsUnknown()
    {
        var numbers = Enumerable.Range(0, 20).Select(_ => Samples.NewNumber()).ToList();
        await RecordAsync([.. numbers.Select(number => Samples.Consent(number, Victim))]);
        using var call = Lookup.CheckStream(cancellationToken: Token);
        await call.RequestStream.WriteAsync(new CheckStreamRequest { Open = new CheckStreamOpen { Question = Of("", Group, false).Question } }, Token);
        for (var sequence = 1UL; sequence <= 4; sequence++)
        {
            await call.RequestStream.WriteAsync(
                new CheckStreamRequest { Chunk = new CheckStreamChunk { Sequence = sequence, Numbers = { numbers.Select(number => ulong.Parse(number[1..])) } } }, Token);
            Assert.True(await call.ResponseStream.MoveNext(Token));
            Assert.All(call.ResponseStream.Current.Verdicts, verdict => Assert.Equal(Verdict.Unknown, verdict));
        }

        using var own = new LookupService.LookupServiceClient(_guarded.As(_all)).CheckStream(cancellationToken: Token);
        await own.RequestStream.WriteAsync(new CheckStreamRequest { Open = new CheckStreamOpen { Question = Samples.Question(Victim) } }, Token);
        for (var sequence = 1UL; sequence <= 4; sequence++)
        {
            await own.RequestStream.WriteAsync(
                new CheckStreamRequest { Chunk = new CheckStreamChunk { Sequence = sequence, Numbers = { numbers.Select(number => ulong.Parse(number[1..])) } } }, Token);
            Assert.True(await own.ResponseStream.MoveNext(Token));
            Assert.All(own.ResponseStream.Current.Verdicts, verdict => Assert.Equal(Verdict.Allow, verdict));
        }
    }

    [Fact]
    public async Task ExplainAndListFacts_GroupWithTheScopeOfAnother_TellNothingOfIt()
    {
        var number = Samples.NewNumber();
        await RecordAsync(Samples.Consent(number, Victim), Samples.Objection(number, "acme"), Samples.Objection(number, "*"));
        var explained = await Lookup.ExplainAsync(
            new ExplainRequest { Number = number, Question = Of(number, Group, false).Question }, cancellationToken: Token);
        Assert.DoesNotContain(explained.Facts, known => known.Fact.KindCase == Fact.KindOneofCase.Consent);
        Assert.Equal(["*", "acme"], explained.Facts.Select(known => known.Fact.Objection.Organisation).Order());
        Assert.DoesNotContain("rec-77", explained.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(Victim, explained.ToString(), StringComparison.Ordinal);
        var listed = await new FactService.FactServiceClient(_guarded.As(_acme)).ListFactsAsync(new ListFactsRequest { Number = number }, cancellationToken: Token);
        Assert.DoesNotContain(Victim, listed.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Watch_OfAnOrganisation_IsNotToldOfOneWithTheScopeOfItsGroup()
    {
        var number = Samples.NewNumber();
        using var watch = new WatchService.WatchServiceClient(_guarded.As(_acme)).Watch(new WatchRequest(), cancellationToken: Token);
        Assert.True(await watch.ResponseStream.MoveNext(Token));
        await RecordAsync(Samples.Consent(number, Victim));
        await RecordAsync(Samples.Objection(number));
        while (await watch.ResponseStream.MoveNext(Token))
        {
            if (watch.ResponseStream.Current.Change is { } change)
            {
                Assert.Equal("acme", change.Fact.Fact.Objection.Organisation);
                return;
            }
        }
    }

    [Fact]
    public async Task Reserve_GroupWithTheScopeOfAnother_CountsNothingAndIsNotAllowed()
    {
        var number = Samples.NewNumber();
        var attempt = new Fact
        {
            Number = number,
            Source = "dialer",
            Attempt = new Attempt { Organisation = Victim },
            Effective = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddHours(-1)),
        };
        await RecordAsync(attempt, Samples.Consent(number, "acme"));
        var request = Of(number, Group, false);
        request.Reserve = new Reserve();
        Assert.Equal(Verdict.Unknown, (await Lookup.CheckAsync(request, cancellationToken: Token)).Decision.Verdict);

        // Where the other one has nothing of the number yet, the place of its attempts is not taken either.
        var fresh = Samples.NewNumber();
        await RecordAsync(Samples.Consent(fresh, "acme"));
        request = Of(fresh, Group, false);
        request.Reserve = new Reserve();
        var refusal = await Assert.ThrowsAsync<RpcException>(() => Lookup.CheckAsync(request, cancellationToken: Token).ResponseAsync);
        Assert.Equal("question.product_group", Assert.Single(refusal.GetRpcStatus()!.GetDetail<BadRequest>().FieldViolations).Field);
        var facts = await Facts.ListFactsAsync(new ListFactsRequest { Number = fresh }, cancellationToken: Token);
        Assert.Equal(2, facts.Facts.Count(known => known.Fact.KindCase == Fact.KindOneofCase.Consent));
        Assert.Equal(2, facts.Facts.Count);
    }

    [Fact]
    public async Task RecordFacts_NameWithTheScopeOfAnother_IsRefusedAndNamesItToAdministratorsAlone()
    {
        var number = Samples.NewNumber();
        await RecordAsync(Samples.Consent(number, Victim));
        var fact = Samples.Consent(number);
        fact.Consent.ProductGroup = Group;
        var told = await RefusedAsync(_acme, fact);
        Assert.StartsWith("facts[0].consent.product_group: ", told.Status.Detail, StringComparison.Ordinal);
        Assert.Contains("has the same hash as another name", told.Status.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain(Victim, told.ToString(), StringComparison.Ordinal);

        var admin = await _guarded.KeyAsync("both", Roles.Write | Roles.Admin, "*");
        told = await RefusedAsync(admin, fact);
        Assert.Contains($"acme/{Group} has the same hash as {Victim}", told.Status.Detail, StringComparison.Ordinal);
    }

    private async Task<RpcException> RefusedAsync(string key, Fact fact) => await Assert.ThrowsAsync<RpcException>(
        async () => await new FactService.FactServiceClient(_guarded.As(key)).RecordFactsAsync(Samples.Record(fact), cancellationToken: Token));

    // Without its name being kept, whoever records first has the scope, and the other can record nothing.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RecordFacts_OfAnOrganisationWithARecordOrGrant_CannotHaveItsScopeTakenBefore(bool byGrant)
    {
        var admin = await _guarded.KeyAsync("admin", Roles.Admin);
        if (byGrant)
        {
            await new AccessService.AccessServiceClient(_guarded.As(admin)).AddGrantAsync(
                new AddGrantRequest { Grant = new Grant { CredentialId = "all", Organisation = Victim } }, cancellationToken: Token);
        }
        else
        {
            await new RegistryService.RegistryServiceClient(_guarded.As(admin)).PutOrganisationAsync(
                new PutOrganisationRequest { Organisation = new Organisation { Name = Victim } }, cancellationToken: Token);
        }

        var squat = Samples.Consent(Samples.NewNumber());
        squat.Consent.ProductGroup = Group;
        Assert.Equal(StatusCode.InvalidArgument, (await RefusedAsync(_acme, squat)).StatusCode);
        await RecordAsync(Samples.Consent(Samples.NewNumber(), Victim));
    }

    [Fact]
    public async Task PutOrganisation_NameWithTheScopeOfAnother_IsRefusedByField()
    {
        var fact = Samples.Consent(Samples.NewNumber());
        fact.Consent.ProductGroup = Group;
        await RecordAsync(fact);
        var admin = await _guarded.KeyAsync("admin", Roles.Admin);
        var refusal = await Assert.ThrowsAsync<RpcException>(() => new RegistryService.RegistryServiceClient(_guarded.As(admin)).PutOrganisationAsync(
            new PutOrganisationRequest { Organisation = new Organisation { Name = Victim } }, cancellationToken: Token).ResponseAsync);
        var violation = Assert.Single(refusal.GetRpcStatus()!.GetDetail<BadRequest>().FieldViolations);
        Assert.Equal(("organisation.name", $"The name {Victim} has the same hash as acme/{Group}, which is already in use; choose another name."), (violation.Field, violation.Description));
    }

    private static CheckRequest Of(string number, string group, bool exact)
    {
        var request = Samples.Check(number);
        request.Question.ProductGroup = group;
        request.Consistency = exact ? new Consistency { Exact = true } : null;
        return request;
    }

    private static int Count(string text, string sought) => text.Split(sought).Length - 1;

    private async Task RecordAsync(params Fact[] facts)
    {
        var recorded = await Facts.RecordFactsAsync(Samples.Record(facts), cancellationToken: Token);
        Assert.All(recorded.Results, result => Assert.Equal(FactResult.Types.Outcome.Recorded, result.Outcome));
    }

    private async Task<string> MetricsAsync()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        request.Headers.Authorization = new("Bearer", await _guarded.KeyAsync("prometheus", Roles.Admin));
        using var response = await _guarded.Server.Http.SendAsync(request, Token);
        return await response.Content.ReadAsStringAsync(Token);
    }
}
