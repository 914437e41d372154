using System.Net;
using System.Text;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>What comes of calls flows back and counts in the next check.</summary>
public sealed class OutcomeTests(LookupServer server) : IClassFixture<LookupServer>, IAsyncLifetime
{
    private static int _next = 10_000_000;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>The French register without anybody on it, so that calls are allowed unless something else forbids them.</summary>
    public async ValueTask InitializeAsync()
    {
        var loaded = await server.Registry.ListRegistersAsync(new ListRegistersRequest());
        if (loaded.Registers.Single(r => r.Name == "fr-bloctel").SnapshotDates.Count == 0)
        {
            await server.Registry.RecordSnapshotAsync(new RecordSnapshotRequest
            {
                Register = "fr-bloctel",
                SnapshotDate = Timestamp.FromDateTimeOffset(new DateTimeOffset(2024, 3, 12, 0, 0, 0, TimeSpan.FromHours(1))),
            });
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task NoAnswer_FourTimesInThirtyDays_ForbidsTheFifthCallOfThisOrganisation()
    {
        var number = NewNumber();
        var token = "";
        for (var call = 0; call < 4; call++)
        {
            Assert.Equal(Verdict.Allow, (await CheckAsync(number, "acme", token)).Verdict);
            token = (await RecordAsync(number, CallOutcome.NoAnswer, -60 * (call + 1))).ConsistencyToken;
        }

        var decision = await CheckAsync(number, "acme", token);
        Assert.Equal((Verdict.Deny, ReasonCode.TooManyAttempts), (decision.Verdict, decision.Reasons[0].Code));
        Assert.Equal(Verdict.Allow, (await CheckAsync(number, "other", token)).Verdict);
    }

    [Fact]
    public async Task Outcome_SentAgainWithTheSameTime_CountsOnce()
    {
        var number = NewNumber();
        Assert.False((await RecordAsync(number, CallOutcome.Answered, -60)).Unchanged);
        for (var again = 0; again < 5; again++)
        {
            Assert.True((await RecordAsync(number, CallOutcome.Answered, -60)).Unchanged);
        }

        var token = (await RecordAsync(number, CallOutcome.Answered, -60)).ConsistencyToken;
        Assert.Equal(Verdict.Allow, (await CheckAsync(number, "acme", token)).Verdict);
    }

    [Theory]
    [InlineData(CallOutcome.Refused, ReasonCode.Refusal)]
    [InlineData(CallOutcome.Objection, ReasonCode.Objection)]
    public async Task RefusedOrObjection_ForbidsFromThenOn(CallOutcome outcome, ReasonCode reason)
    {
        var number = NewNumber();
        var token = (await RecordAsync(number, outcome, -60)).ConsistencyToken;
        var decision = await CheckAsync(number, "acme", token);
        Assert.Equal((Verdict.Deny, reason), (decision.Verdict, decision.Reasons[0].Code));
        var kinds = (await server.Facts.ListFactsAsync(new ListFactsRequest { Number = number })).Facts.Select(f => f.Fact.KindCase);
        Assert.Contains(Fact.KindOneofCase.Attempt, kinds);
    }

    [Fact]
    public async Task Abandoned_IsAnAttemptAndIsListed()
    {
        var number = NewNumber();
        await RecordAsync(number, CallOutcome.Abandoned, -60);
        var attempts = (await server.Facts.ListFactsAsync(new ListFactsRequest { Number = number })).Facts.Select(f => f.Fact.Attempt);
        Assert.Equal([false, true], attempts.Select(attempt => attempt.Abandoned).Order());
    }

    [Theory]
    [InlineData("number", "12")]
    [InlineData("organisation", "A B")]
    [InlineData("product_group", "A B")]
    [InlineData("outcome", null)]
    [InlineData("called", null)]
    [InlineData("source", "")]
    public async Task RecordOutcome_FieldWrong_IsNamedAndNothingIsRecorded(string field, string? value)
    {
        var request = Samples.Outcome(NewNumber(), CallOutcome.Refused);
        var number = request.Number;
        switch (field)
        {
            case "number":
                request.Number = value!;
                break;
            case "organisation":
                request.Organisation = value!;
                break;
            case "product_group":
                request.ProductGroup = value!;
                break;
            case "outcome":
                request.Outcome = CallOutcome.Unspecified;
                break;
            case "called":
                request.Called = null;
                break;
            default:
                request.Source = value!;
                break;
        }

        var refused = await Assert.ThrowsAsync<RpcException>(async () => await server.Facts.RecordOutcomeAsync(request));
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        Assert.StartsWith(field + ": ", refused.Status.Detail, StringComparison.Ordinal);
        if (field is not "product_group")
        {
            Assert.Empty((await server.Facts.ListFactsAsync(new ListFactsRequest { Number = number })).Facts);
        }
    }

    [Fact]
    public async Task Json_And_Tool_RecordTheSame()
    {
        var number = NewNumber();
        var json = $$"""{"number":"{{number}}","organisation":"acme","outcome":"CALL_OUTCOME_REFUSED","called":"2024-03-12T12:00:00Z","source":"dialer 7"}""";
        using var response = await server.Http.PostAsync("v1/outcomes", new StringContent(json, Encoding.UTF8, "application/json"), Token);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var run = await CliRun.Async(
            "outcome", number, "--org", "acme", "--result", "refused", "--at", "2024-03-12T13:00:00+01:00", "--source", "dialer 7", "--actor", "", "--address", server.Host.GrpcAddress.ToString());
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Contains("Unchanged: the outcome was already recorded.", run.Output, StringComparison.Ordinal);
    }

    private static string NewNumber() => $"+336{Interlocked.Increment(ref _next)}";

    private async Task<Decision> CheckAsync(string number, string organisation, string token)
    {
        var request = new CheckRequest { Number = number, Question = Samples.Question(organisation) };
        request.Question.Subscriber = SubscriberType.Consumer;
        if (token.Length > 0)
        {
            request.Consistency = new Consistency { AtLeastAsFresh = token };
        }

        return (await server.Lookup.CheckAsync(request)).Decision;
    }

    private async Task<RecordOutcomeResponse> RecordAsync(string number, CallOutcome outcome, int minutes)
    {
        var request = Samples.Outcome(number, outcome);
        request.Called = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddMinutes(minutes));
        return await server.Facts.RecordOutcomeAsync(request);
    }
}
